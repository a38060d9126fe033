/**
 * From a chosen file to a session that no server can read: boxes are laid, all of it is encrypted with
 * a key that is made here, and what goes out is ciphertext, digests and accounts.
 *
 * @typedef {import("./rows.js").Form} Form
 * @typedef {import("./upload.js").Upload} Upload
 * @typedef {import("../../pdf/letters.js").Known} Known
 * @typedef {import("../../pdf/signing.js").Box} Box
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 *
 * @typedef {object} Ready the document that everyone will sign
 * @property {Bytes} pdf
 * @property {number} pages 0: it is no PDF, but the container of any file
 * @property {Box[]} boxes
 * @property {Upload["file"]} [file] in that container
 *
 * @typedef {object} Sealed all that is sent, and what is not
 * @property {Bytes} key
 * @property {Bytes} cipher
 * @property {string} sha256 of the document
 * @property {Record<string, unknown>} body
 * @property {string} act idempotency key
 */
import { newKey } from "../../kit/api.js";
import { base64 } from "../../kit/approval.js";
import { t } from "../../kit/i18n.js";
import { line } from "../../kit/showable.js";
import { OF_CLAUSE } from "../../pdf/grammar.js";
import { openFile } from "../../pdf/signing.js";
import { pageCount } from "../../pdf/tree.js";
import { withBoxes } from "../../pdf/sheet.js";
import { hex, sha256 } from "../../verify/bytes.js";
import { actBlind, beginBlind, patiently, putBlind } from "../api.js";
import { DOCUMENT, encrypt, importKey } from "../cipher.js";
import { digestOfFile } from "../container.js";
import { privateHash } from "../link.js";
import { newSalt, sealMatter, veiled } from "../matter.js";
import { accountOf, boxedClauses, clauseId, fieldOf, hasBox, orderOf } from "./rows.js";
import { printedRole } from "./words.js";

const LETTERS = new URL("../../pdf/letters.json", import.meta.url).href;
const KEY_BYTES = 32;
const DAY_MS = 86_400_000;

/** @returns {Promise<Known>} the font in which signatures are shown */
export async function fetchLetters() {
    const answer = await fetch(LETTERS, { credentials: "omit", redirect: "error" });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return answer.json();
}

/**
 * @param {Upload} upload
 * @param {Form} form without problems
 * @param {string} server
 * @param {Known} letters
 * @returns {Ready}
 * @throws {import("../../pdf/boxes.js").BoxError} a box can't be where it was put
 */
export function madeReady(upload, form, server, letters) {
    if (upload.file) return { pdf: upload.pdf, pages: 0, boxes: [], file: upload.file };
    const seats = form.people.flatMap((one, at) => seatsOf(one, fieldOf(at), form, server));
    if (seats.length === 0) return { pdf: upload.pdf, pages: upload.pages, boxes: [] };
    const sheet = {
        heading: t("Signatures"),
        of: t("of the document “{title}”", { title: line(form.title) }),
        rules: [
            form.effect === "each"
                ? t("Each signature counts by itself.")
                : t("A signature counts once everyone who is needed has signed."),
        ],
        note: t(
            "Each frame is filled when its signer signs. The signatures are in the file and cover all of its pages: paper alone proves nothing.",
        ),
    };
    const { pdf, boxes } = withBoxes(upload.pdf, seats, sheet, letters);
    return { pdf, pages: pageCount(openFile(pdf).document), boxes };
}

/**
 * @param {import("./rows.js").Person} person
 * @param {string} field of their box
 * @param {Form} form
 * @param {string} server
 * @returns {import("../../pdf/sheet.js").Seat[]} their own, then one for each clause that they sign
 *     by itself: these are at the end, where it is printed what is signed in them
 */
function seatsOf({ account, name, role, place }, field, form, server) {
    if (!hasBox(role)) return [];
    const known = accountOf(account, server);
    const who = { name: line(name) || known, account: known };
    const own = { ...who, field, role: printedRole(role), ...(place && { place }) };
    const clauses = boxedClauses(role, form).map(({ id, title }) => {
        const words = t("Clause {clause}: {title}", { clause: id, title });
        return Object.assign({ field: `${field}${OF_CLAUSE}${id}`, role: words }, who);
    });
    return [own, ...clauses];
}

/**
 * @param {Ready} ready
 * @param {Form} form
 * @param {string} filename
 * @param {string} server
 * @returns {Promise<Sealed>}
 */
export async function sealed({ pdf, pages, file }, form, filename, server) {
    const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
    const [secret, salt] = [await importKey(key), newSalt()];
    const cipher = await encrypt(secret, pdf, DOCUMENT);
    const digest = file ? await digestOfFile(file) : base64(await sha256(pdf));
    const title = line(form.title);
    const clauses = form.clauses.map((one, at) => ({
        ...one,
        title: line(one.title),
        id: clauseId(at),
    }));
    const names = form.people.map(({ account, name }) => [
        accountOf(account, server),
        line(name) || accountOf(account, server),
    ]);
    const matter = await sealMatter(secret, {
        v: 1,
        salt: base64(salt),
        title,
        filename: line(filename) || title,
        names: Object.fromEntries(names),
        clauses: clauses.map((one) => ({ id: one.id, title: one.title })),
    });
    const told = clauses.map(async (one) => ({
        id: one.id,
        kind: one.kind,
        page: one.page,
        title_sha256: await veiled(salt, one.title),
    }));
    const body = {
        title_sha256: await veiled(salt, title),
        document: { sha256: digest, size: pdf.length, pages, blob: hex(await sha256(cipher)) },
        matter,
        ...orderOf(form, server),
        clauses: await Promise.all(told),
        level: form.level,
        effect: form.effect,
        may_delegate: form.mayDelegate,
        deadline_at_ms: Date.now() + form.days * DAY_MS,
    };
    return { key, cipher, sha256: digest, body, act: newKey() };
}

/**
 * Every step of it can be done again: what was done already does nothing then.
 * @param {Sealed} made
 * @param {Form} form
 * @param {string} server
 * @param {(step: "begin" | "upload") => void} tell
 * @returns {Promise<import("./draft.js").Sent>} its people are not asked yet
 */
export async function handIn(made, form, server, tell) {
    tell("begin");
    const begun = await patiently(() => beginBlind(made.body, made.act));
    tell("upload");
    await patiently(() => putBlind(begun.session, made.cipher));
    const shared = { session: begun.session, key: made.key, document: made.sha256 };
    const own = { session: begun.session, party: begun.party, token: begun.token, key: made.key };
    return {
        link: `${location.origin}/sign#${privateHash(shared)}`,
        code: begun.code,
        title: line(form.title),
        people: form.people.map(({ account }) => accountOf(account, server)),
        own,
        isOut: false,
    };
}

/**
 * Has the people of a document asked; again: nothing.
 * @param {import("./draft.js").Sent} one
 * @returns {Promise<import("./draft.js").Sent>}
 */
export async function sendOut(one) {
    await patiently(() => actBlind(one.own.session, "send"));
    return { ...one, isOut: true };
}
