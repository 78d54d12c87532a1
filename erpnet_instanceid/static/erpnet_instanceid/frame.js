// Sign-in from inside a frame. The popup hands its one-time code to this origin and nobody else.
(function () {
  "use strict";
  var done = document.querySelector("[data-instanceid-code]");
  if (done) {
    if (window.opener) {
      window.opener.postMessage(
        { instanceid: done.getAttribute("data-instanceid-code") },
        window.location.origin
      );
      window.setTimeout(function () { window.close(); }, 300);
    }
    return;
  }

  var button = document.querySelector("[data-instanceid-popup]");
  var form = document.querySelector("form[data-instanceid-redeem]");
  if (button && form) {
    var popup = null;
    button.addEventListener("click", function (event) {
      popup = window.open(
        button.getAttribute("data-instanceid-popup"), "", "popup,width=520,height=720"
      );
      if (popup) {
        event.preventDefault();
      }
      // Where the browser blocks the popup, the link opens a window of its own.
    });
    window.addEventListener("message", function (event) {
      var code = event.data && event.data.instanceid;
      if (event.origin === window.location.origin && event.source === popup && popup && code) {
        form.elements.frame_code.value = code;
        form.submit();
      }
    });
  }

  // A site's own button: tells a page in a frame from one at top level, for older browsers.
  if (window.top !== window.self) {
    document.querySelectorAll("a[data-instanceid-signin]").forEach(function (link) {
      link.href += (link.href.indexOf("?") < 0 ? "?" : "&") + "framed=1";
    });
  }
})();
