"""Sign-in through the Instance ID of one ERP.net instance."""
