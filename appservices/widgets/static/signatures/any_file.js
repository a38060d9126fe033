/**
 * Signed files of each kind, as `veche.documents.signed_file` judges them. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./judging.js").Report} Report
 */
import { bytesBefore, isContainer } from "../asic/container.js";
import { judgeContainer } from "../asic/verdict.js";
import { asText } from "../pdf/values.js";
import { judgeElsewhere } from "./elsewhere.js";
import { ALGORITHMS_END, reported } from "./judging.js";
import { isApart, isArchive, isOurs, isSignedArchive } from "./other_forms.js";
import { beginsSigned, judge } from "./verdict.js";

/** How far into a file readers look for the header of a PDF. */
const HEADER_BYTES_MAX = 1024;
/** From its end: where they look for its end. */
const END_BYTES = 1024;
const code = (/** @type {string} */ one) => one.charCodeAt(0).toString(16);
/** With letters that are written by their numbers, or without. */
const RANGE_NAME = new RegExp(
    "/" +
        Array.from(
            "ByteRange",
            (one) => `(?:${one}|#${code(one)}|#${code(one).toUpperCase()})`,
        ).join(""),
);
const PARTS = ["%PDF-", " obj", "startxref"];

/**
 * @param {Bytes} bytes the file
 * @param {import("./certificate.js").Certificate[]} roots that are trusted
 * @param {number} nowMs UTC
 * @param {Bytes[]} [lists] newer than those in the file
 * @param {import("./judging.js").AlgorithmsEnd} [end]
 * @returns {Promise<Report>}
 */
export async function judgeFile(bytes, roots, nowMs, lists = [], end = ALGORITHMS_END) {
    if (isContainer(bytes) && isOurs(bytes)) return judgeContainer(bytes, roots, nowMs, lists, end);
    const other = ofAnotherKind(bytes);
    if (other) return reported([other]);
    const pdf = asText(bytes);
    const report = await judgePdf(pdf, bytes, { roots, nowMs, lists, end });
    const before = pdf.slice(0, HEADER_BYTES_MAX).indexOf("%PDF-");
    if (before > 0 && report.verdict === "invalid")
        return reported([
            finding("bytes_before_the_container", `the PDF begins after ${before} bytes`),
        ]);
    return report;
}

/** @param {string} pdf @param {Bytes} bytes @param {import("./verdict.js").By} by @returns {Promise<Report>} */
async function judgePdf(pdf, bytes, { roots, nowMs, lists, end }) {
    const report = await judge(bytes, roots, nowMs, lists, end, pdf);
    if (!(await mayBeOfOthers(pdf, report))) return report;
    const others = await judgeElsewhere(bytes, roots, nowMs, lists, end, pdf);
    if (others) return others;
    if (report.verdict !== "unreadable") return report;
    return reported([finding(reasonWithoutSignature(pdf))]);
}

/** @param {string} reason @param {string} [detail] */
function finding(reason, detail = "") {
    return { reason, field: "", detail };
}

/** @param {Bytes} bytes @returns what is said of what is none of ours and no PDF; none of others */
function ofAnotherKind(bytes) {
    if (isArchive(bytes))
        return finding(isSignedArchive(bytes) ? "container_of_another_program" : "no_signature");
    const before = bytesBefore(bytes);
    if (before > 0)
        return finding("bytes_before_the_container", `the container begins after ${before} bytes`);
    return isApart(bytes) ? finding("signature_of_another_kind") : undefined;
}

/** @param {string} pdf of another form, in which no signature is read @returns {string} */
function reasonWithoutSignature(pdf) {
    if (RANGE_NAME.test(pdf)) return "signature_not_readable";
    if (pdf.includes("/Encrypt")) return "locked_by_a_password";
    const [, ...after] = pdf.slice(-END_BYTES).split("%%EOF");
    const isCut = after.length === 0 || after.at(-1)?.includes(" obj");
    const isWhole = !isCut && PARTS.every((one) => pdf.includes(one));
    return isWhole ? "no_signature" : "outside_the_sealed_profile";
}

/** @param {string} pdf @param {Report} report @returns {Promise<boolean>} no signature of our form */
async function mayBeOfOthers(pdf, { findings, signers }) {
    const found = new Set(findings.map(({ reason }) => reason));
    const [only] = found;
    if (found.size !== 1) return false;
    if (only === "changed_after_signing" && signers.length === 0) return !(await beginsSigned(pdf));
    return only === "outside_the_sealed_profile";
}
