/** The service worker of the app. */
const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) =>
    event.waitUntil(worker.clients.claim()),
);
