// Sign-in from inside a frame. The popup hands its one-time code to this origin and nobody else.
(function () {
  "use strict";
  // Each button on a page brings this file.
  if (window.instanceidFrame) {
    return;
  }
  window.instanceidFrame = true;

  var done = document.querySelector("[data-instanceid-code]");
  if (done && window.opener) {
    window.opener.postMessage(
      { instanceid: done.getAttribute("data-instanceid-code") },
      window.location.origin
    );
    window.setTimeout(function () { window.close(); }, 300);
  }

  if (window.top === window.self) {
    return;
  }
  // A visitor may click twice: the popups that this page has opened, and their buttons.
  var popups = [];
  var buttons = [];

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-instanceid-signin]");
    if (!button) {
      return;
    }
    var address = button.getAttribute("data-instanceid-popup");
    if (!address) {
      // An older browser did not tell the server that this page is in a frame.
      button.search += (button.search ? "&" : "?") + "framed=1";
      return;
    }
    var popup = window.open(address, "", "popup,width=520,height=720");
    var otherwise = document.querySelector("[data-instanceid-otherwise]");
    if (popup) {
      popups.push(popup);
      buttons.push(button);
    } else if (otherwise) {
      // Blocked, or cut off by the page around the frame: it may have opened all the same.
      otherwise.hidden = false;
    }
    if (popup || otherwise) {
      event.preventDefault();
    }
  });

  window.addEventListener("message", function (event) {
    var code = event.data && event.data.instanceid;
    var button = buttons[popups.indexOf(event.source)];
    if (event.origin === window.location.origin && button && code) {
      redeem(button.getAttribute("data-instanceid-redeem"), code);
    }
  });

  function redeem(address, code) {
    var form = document.createElement("form");
    var field = document.createElement("input");
    form.method = "post";
    form.action = address;
    form.hidden = true;
    field.name = "frame_code";
    field.value = code;
    form.appendChild(field);
    document.body.appendChild(form);
    form.submit();
  }
})();
