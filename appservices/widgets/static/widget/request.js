/**
 * A request for signatures as a message of the bot has it, and the document behind it: fetched,
 * decrypted, and judged in this frame, which signs nothing.
 *
 * @typedef {import("../sign/types.d.ts").View} View
 * @typedef {import("../kit/link.js").Link} Link
 * @typedef {import("../kit/matter.js").SignFile} SignFile
 *
 * @typedef {object} SignRequest what is shown of `org.veche.sign_request`
 * @property {string} id
 * @property {boolean} isPrivate whether the bot has no key of it
 * @property {boolean} isOpen whether somebody can still sign
 * @property {string} title
 * @property {string} from
 * @property {number} pages 0: it is no PDF
 * @property {string} sha256 of the document before anybody signed it
 * @property {number} bytes of that document
 * @property {string} code
 * @property {number} deadline_at_ms
 * @property {{name: string, role: string, state: string}[]} parties
 * @property {string} page path of the page on which it is signed; empty: it is not asked now
 */
import { base64 } from "../kit/approval.js";
import { openAttachment } from "../kit/attachment.js";
import { Session } from "../sign/api.js";
import { readLink } from "../sign/link.js";
import { openPaper } from "../sign/paper.js";
import { PaperError } from "../sign/paper_error.js";
import { sha256 } from "../verify/bytes.js";

/** @param {unknown} one @returns {string} */
function words(one) {
    return typeof one === "string" ? one : "";
}

/**
 * @param {Record<string, any>} told
 * @returns {SignRequest | undefined} none: it is of another form
 */
export function readRequest(told) {
    const { id, mode, state, title, from_name, from_user, document, code, parties } = told;
    const isWhole =
        [id, state, code, document?.sha256].every((one) => typeof one === "string") &&
        [document?.pages, document?.bytes, told.deadline_at_ms].every(Number.isSafeInteger) &&
        Array.isArray(parties);
    if (!isWhole) return undefined;
    return {
        id,
        isPrivate: mode === "blind",
        isOpen: state === "open",
        title: words(title),
        from: words(from_name) || words(from_user),
        pages: document.pages,
        sha256: document.sha256,
        bytes: document.bytes,
        code,
        deadline_at_ms: told.deadline_at_ms,
        parties: parties.map((/** @type {any} */ one) => ({
            name: words(one?.name) || words(one?.user),
            role: words(one?.role),
            state: words(one?.state),
        })),
        page: ownSignPage(words(told.page)),
    };
}

/** @param {string} address @returns {string} the path of our page of signatures; empty: it is not */
function ownSignPage(address) {
    if (!URL.canParse(address)) return "";
    const { origin, pathname, hash } = new URL(address);
    return origin === location.origin && pathname === "/sign" ? pathname + hash : "";
}

/**
 * The document of a request: of the client, where that has a file of it and gives files; else of
 * the service.
 * @param {SignRequest} request
 * @param {SignFile[]} files as the bot has sent them, oldest first
 * @param {Link | undefined} link
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {PaperError} it is another one than the message says
 */
export async function documentOf(request, files, link) {
    const sent = files.findLast(({ session }) => session === request.id);
    // Whatever is wrong with it: the service has it, too, and is held to the same digest.
    const own =
        sent && link ? await ofClient(request, sent, link).catch(() => undefined) : undefined;
    return own ?? fetchDocument(request);
}

/**
 * @param {SignRequest} request
 * @param {SignFile} sent
 * @param {Link} link
 * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} what is agreed on, without signatures;
 *     none: the file is of something else
 */
async function ofClient({ bytes, sha256: wanted }, { file }, link) {
    const cipher = await link.download(words(file.url));
    const plain = await openAttachment(cipher, file);
    const document = plain?.slice(0, bytes);
    return document && base64(await sha256(document)) === wanted ? document : undefined;
}

/**
 * @param {SignRequest} request
 * @returns {Promise<Uint8Array<ArrayBuffer>>} the document with all signatures, each of which holds
 * @throws {PaperError} it is another one than the message says
 */
async function fetchDocument({ page, sha256, code }) {
    const link = readLink(page.slice(page.indexOf("#")));
    if (!link?.key) throw new PaperError("key");
    const session = new Session(link);
    const view = await session.view();
    if (view.code !== code) throw new PaperError("code");
    const cipher = await session.blob(view.document.blob);
    return (await openPaper(view, cipher, link.key, sha256)).whole;
}
