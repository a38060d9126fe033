/**
 * Judges one file in a worker, so that the page goes on and can stop it.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 *
 * @typedef {object} Task
 * @property {Blob} file
 * @property {Bytes[]} trusted certificates, DER
 * @property {Bytes[]} stampers certificates that are trusted for time stamps alone
 * @property {number} nowMs UTC
 *
 * @typedef {object} Judged
 * @property {import("./judging.js").Report} report
 * @property {Bytes} bytes of the file, just those that were judged; none of what is not shown
 * @property {string} fileSha256 of the whole file, hexadecimal: what others tell it by
 */
import { hex, sha256 } from "../verify/bytes.js";
import { judgeFile } from "./any_file.js";
import { readCertificate } from "./certificate.js";
import { stampRoot } from "./trust.js";

/** Of a worker; the types here are those of a page. @type {any} */
const scope = globalThis;

scope.addEventListener("message", async (/** @type {MessageEvent<Task>} */ { data }) => {
    try {
        const bytes = new Uint8Array(await data.file.arrayBuffer());
        const roots = [...data.trusted.map(readCertificate), ...data.stampers.map(stampRoot)];
        const fileSha256 = hex(await sha256(bytes));
        const report = await judgeFile(bytes, roots, data.nowMs);
        // Of a container nothing is shown but names.
        if (report.documentEnd > 0)
            scope.postMessage({ report, bytes, fileSha256 }, [bytes.buffer]);
        else scope.postMessage({ report, bytes: new Uint8Array(), fileSha256 }, []);
    } catch (error) {
        scope.postMessage({ failed: String(error) }, []);
    }
});
