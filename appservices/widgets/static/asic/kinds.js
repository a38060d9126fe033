/**
 * Under which name, and as what, any file is in its container: as
 * `appservices.signing.papers.core.any_files` has it. Whoever signs it looks at it with a program of
 * their own, so neither may mislead. Pure.
 *
 * @typedef {import("../signatures/der.js").Bytes} Bytes
 */
import { line } from "../kit/showable.js";
import { asText } from "../pdf/values.js";
import { HiddenError, checkNames, twinOf } from "./archive.js";

export const NO_KIND = "application/octet-stream";
const CHARACTERS_MAX = 100;
const HEAD_BYTES = 1024;
const [WORD, OPEN] = [
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
];
const [ZIP, OLE] = ["PK\x03\x04", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"];
const TEXTS = new Map([
    ["txt", "text/plain"],
    ["md", "text/markdown"],
    ["csv", "text/csv"],
    ["json", "application/json"],
    ["xml", "application/xml"],
    ["html", "text/html"],
    ["htm", "text/html"],
    ["svg", "image/svg+xml"],
    ["eml", "message/rfc822"],
]);
const PICTURES = new Map([
    ["png", "image/png"],
    ["jpg", "image/jpeg"],
    ["jpeg", "image/jpeg"],
    ["webp", "image/webp"],
    ["heic", "image/heic"],
    ["heif", "image/heif"],
    ["avif", "image/avif"],
]);
/** Kinds whose files are told from others. */
const KNOWN = new Set([...PICTURES.values(), "application/pdf"]);
/** @type {Map<string, [string, string]>} */
const BEGINNINGS = new Map([
    ["docx", [`${WORD}wordprocessingml.document`, ZIP]],
    ["xlsx", [`${WORD}spreadsheetml.sheet`, ZIP]],
    ["pptx", [`${WORD}presentationml.presentation`, ZIP]],
    ["odt", [`${OPEN}text`, ZIP]],
    ["ods", [`${OPEN}spreadsheet`, ZIP]],
    ["odp", [`${OPEN}presentation`, ZIP]],
    ["epub", ["application/epub+zip", ZIP]],
    ["zip", ["application/zip", ZIP]],
    ["doc", ["application/msword", OLE]],
    ["xls", ["application/vnd.ms-excel", OLE]],
    ["ppt", ["application/vnd.ms-powerpoint", OLE]],
    ["rtf", ["application/rtf", "{\\rtf"]],
    ["gif", ["image/gif", "GIF8"]],
    ["tif", ["image/tiff", ""]],
    ["tiff", ["image/tiff", ""]],
    ["7z", ["application/x-7z-compressed", "7z\xbc\xaf\x27\x1c"]],
    ["mp3", ["audio/mpeg", ""]],
    ["ogg", ["audio/ogg", "OggS"]],
    ["wav", ["audio/wav", "RIFF"]],
    ["mp4", ["video/mp4", ""]],
]);
const PREFIXES = /** @type {const} */ ([
    ["\xff\xd8\xff", "image/jpeg"],
    ["\x89PNG\r\n\x1a\n", "image/png"],
    ["%PDF-", "application/pdf"],
]);
/** Brands of files of ISO boxes (ISO/IEC 14496-12 §4.3, 23008-12 §10), the narrower first. */
const BRANDS = /** @type {const} */ ([
    ["image/avif", ["avif", "avis"]],
    ["image/heic", ["heic", "heix", "heim", "heis", "hevc", "hevx"]],
    ["image/heif", ["mif1", "msf1"]],
]);
const TAKEN = new Set(["mimetype", "meta-inf"]);
const NO_NAME = "document";
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
const FORBIDDEN = /[\\/:*?"<>|]/g;
const TAIL = /[. ]+$/;

/** @param {string} name as it was chosen @returns {string} the same file to every system and reader */
export function safeName(name) {
    const plain = line(name.normalize("NFC")).replace(FORBIDDEN, "-").replace(UNPRINTABLE, "-");
    let made = shortened(plain.replace(TAIL, "")).replace(TAIL, "");
    if (made === "" || TAKEN.has(twinOf(made))) made = made ? `${NO_NAME}-${made}` : NO_NAME;
    try {
        checkNames([made]);
    } catch (error) {
        if (error instanceof HiddenError) return NO_NAME;
        throw error;
    }
    return made;
}

/** @param {string} name @returns {string} of at most `CHARACTERS_MAX` characters, with its ending */
function shortened(name) {
    const letters = Array.from(name);
    const at = letters.lastIndexOf(".");
    const isLong = letters.length - at - 1 > CHARACTERS_MAX / 2;
    const [stem, ending] =
        at <= 0 || isLong ? [letters, []] : [letters.slice(0, at), letters.slice(at)];
    const kept = stem.slice(0, CHARACTERS_MAX - ending.length).join("");
    return kept.trimEnd() + ending.join("");
}

/**
 * @param {string} name
 * @param {Bytes} data
 * @returns {string} media type: what the name says, unless the content says that it is not so
 */
export function kindOf(name, data) {
    const at = name.lastIndexOf(".");
    const ending = at > 0 ? name.slice(at + 1).toLowerCase() : "";
    const head = asText(data.subarray(0, HEAD_BYTES));
    const found = trueKind(PICTURES.get(ending) ?? NO_KIND, head);
    if (found && found !== NO_KIND) return found;
    const text = TEXTS.get(ending);
    if (text && isText(data)) return text;
    const [kind, beginning] = BEGINNINGS.get(ending) ?? [NO_KIND, ""];
    return head.startsWith(beginning) ? kind : NO_KIND;
}

/** @param {string} claimed @param {string} head @returns {string | undefined} none: it is no such file */
function trueKind(claimed, head) {
    const found = seenKind(head);
    const isPair = found === "image/heic" || found === "image/heif";
    if (isPair && claimed !== found && (claimed === "image/heic" || claimed === "image/heif"))
        return claimed; // each HEIC file is a HEIF file; some cameras name only the wider brand
    if (found) return found;
    return KNOWN.has(claimed) || head === "" ? undefined : claimed;
}

/** @param {string} head @returns {string | undefined} what its first bytes say */
function seenKind(head) {
    const known = PREFIXES.find(([beginning]) => head.startsWith(beginning));
    if (known) return known[1];
    if (head.startsWith("RIFF") && head.startsWith("WEBP", 8)) return "image/webp";
    if (!head.startsWith("ftyp", 4)) return undefined;
    const size = [0, 1, 2, 3].reduce((sum, at) => sum * 256 + head.charCodeAt(at), 0);
    const end = Math.min(size, head.length);
    const brands = new Set([head.slice(8, 12)]);
    for (let at = 16; at < end; at += 4) brands.add(head.slice(at, at + 4));
    return BRANDS.find(([, names]) => names.some((one) => brands.has(one)))?.[0];
}

/** @param {Bytes} data @returns {boolean} */
function isText(data) {
    try {
        return !new TextDecoder("utf-8", { fatal: true }).decode(data).includes("\0");
    } catch {
        return false;
    }
}
