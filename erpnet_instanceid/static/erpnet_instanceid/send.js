// Sends the page's form at once. Without script, the visitor presses its button.
document.querySelector("form[data-instanceid-send]").submit();
