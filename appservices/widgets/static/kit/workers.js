/** The workers of our pages, each started by its address alone (Trusted Types). */

/** @type {Set<string>} those that may be started: the reader of pages, who judges files, the app's */
const ADDRESSES = new Set(
    [
        "../vendor/pdfjs/build/pdf.worker.min.mjs",
        "../signatures/judge_worker.js",
        "/sw.js", // of the app's origin alone
    ].map((one) => new URL(one, import.meta.url).href),
);
export const [PAGES, JUDGE, APP] = /** @type {[string, string, string]} */ ([...ADDRESSES]);
const POLICY = "veche-workers";

/** @type {any} a page may make it once */
let policy;

/** @param {string} address one of ours @returns {Worker} begun */
export function startWorker(address) {
    return new Worker(/** @type {string} */ (trusted(address)), { type: "module" });
}

/**
 * The service worker of the app: registered, or found.
 * @returns {Promise<ServiceWorkerRegistration>}
 */
export function registerAppWorker() {
    const address = /** @type {string} */ (trusted(APP));
    return navigator.serviceWorker.register(address, { type: "module" });
}

/**
 * The address for browsers that take no other (Trusted Types).
 * @param {string} address
 * @returns {unknown}
 */
function trusted(address) {
    const types = /** @type {any} */ (globalThis).trustedTypes;
    if (!types) return address;
    policy ??= types.createPolicy(POLICY, { createScriptURL: onlyOurs });
    return policy.createScriptURL(address);
}

/** @param {string} wanted */
function onlyOurs(wanted) {
    if (!ADDRESSES.has(wanted)) throw new TypeError("not our worker");
    return wanted;
}
