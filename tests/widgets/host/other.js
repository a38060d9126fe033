/**
 * Another page, in a frame beside the widget or in a window of its own: whatever it is told, it
 * tells the widget, as if it were the client.
 */
const client = window.parent === window ? window.opener : window.parent;
window.addEventListener("message", (event) => client.frames[0].postMessage(event.data, "*"));
