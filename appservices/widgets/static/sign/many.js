/**
 * Many documents by one approval: one fresh key, one press, and for each document a certificate and
 * a signature of its own. What fails is told, and the rest goes on.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").WaitingList} WaitingList
 * @typedef {import("./paper.js").Paper} Paper
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 *
 * @typedef {object} Line one document of the list
 * @property {import("./link.js").Link} link
 * @property {Session} session
 * @property {View} view
 *
 * @typedef {{signed: Record<string, unknown>, bytes: Bytes}} Approved
 * @typedef {"begun" | "signed" | "unclosed" | {error: unknown}} Outcome unclosed: it is signed, and
 *     nobody's page has closed the file yet
 * @typedef {(line: Line, outcome: Outcome) => void} Tell
 */
import { clock, signedBy } from "../approve/handing.js";
import { roleWords } from "../approve/signing_words.js";
import { ApiError } from "../kit/api.js";
import { base64, fromBase64 } from "../kit/approval.js";
import { canonical } from "../kit/canonical.js";
import { makeKey, publicKeyOf } from "../signatures/making.js";
import { Session, askAll, patiently, waitingList } from "./api.js";
import { WAITING, decrypt, importKey } from "./cipher.js";
import { closePaper } from "./closing.js";
import { keyOf } from "./link.js";
import { withMatter } from "./matter.js";
import { openLink, refreshed } from "./opening.js";
import { PaperError, digest, openPaper } from "./paper.js";
import {
    MismatchError,
    SIGNING,
    certify,
    factsOf,
    handed,
    isBlind,
    levelOf,
    signerFor,
} from "./signing.js";
import { checkStamping } from "./stamping.js";
import { boxWords } from "./words.js";

/**
 * @param {import("./link.js").ListLink} link
 * @returns {Promise<WaitingList>}
 * @throws {PaperError} the link is damaged
 */
export async function fetchList({ header, key }) {
    const cipher = await waitingList(header);
    const plain = key && (await decrypt(await importKey(key), cipher, WAITING));
    if (!plain) throw new PaperError("key");
    return JSON.parse(new TextDecoder().decode(plain));
}

/**
 * @param {import("./types.d.ts").WaitingParty} told
 * @returns {Promise<Line>}
 */
export async function openLine({ session: id, party, token, key }) {
    const link = { session: id, party, token, key: keyOf(key) };
    const session = new Session(link);
    return { link, session, view: await patiently(() => session.view()) };
}

/**
 * @param {import("./types.d.ts").PrivateParty} told
 * @param {import("./link.js").PrivateLink} found the link of who asks, with the key
 * @returns {Promise<Line>}
 * @throws {PaperError} it is of another document, or its key opens nothing
 */
export async function openPrivateLine({ session: id, party, token }, { key, document }) {
    if (!key) throw new PaperError("key");
    const link = { session: id, party, token, key, document };
    const session = new Session(link);
    const said = await patiently(() => session.view());
    if (said.document.sha256 !== document) throw new PaperError("document");
    return { link, session, view: await withMatter(said, await importKey(key)) };
}

/** @param {Line} line @returns {Promise<Paper>} the document, which is what was agreed on */
export async function paperOf({ link, session, view }) {
    if (!link.key) throw new PaperError("key");
    if (isBlind(view)) return (await patiently(() => openLink(link, () => {}))).paper;
    const cipher = await patiently(() => session.blob(view.document.blob));
    return openPaper(view, cipher, link.key);
}

/**
 * Signs all, by one press of the person's own key.
 * @param {Line[]} lines
 * @param {boolean} isRead whether all pages of all were on the screen
 * @param {Tell} tell
 * @returns {Promise<void>} once each has been told of
 */
export async function signMany(lines, isRead, tell) {
    const [first] = lines;
    if (first) await checkStamping(first.view);
    const pair = await makeKey();
    const spki = await publicKeyOf(pair.publicKey);
    const { asked, left, signer } = await ask(lines, isRead, await digest(spki));
    for (const line of lines) {
        const error = left.get(line.view.session);
        if (error) tell(line, { error });
    }
    const { kind, nonce, person, shown } = asked;
    const approved = await signedBy(signer, { v: 1, kind, nonce, person, shown });
    const proof = base64(await crypto.subtle.sign(SIGNING, pair.privateKey, approved.bytes));
    for (const line of lines) {
        if (left.has(line.view.session)) continue;
        tell(line, "begun");
        try {
            const approval = approved.signed;
            const isDone = await signOne(line, pair.privateKey, spki, { proof, approval });
            tell(line, isDone ? "signed" : "unclosed");
        } catch (error) {
            tell(line, { error });
        }
    }
}

/** @param {Line[]} lines @param {boolean} isRead @param {string} key digest of the fresh one */
async function ask(lines, isRead, key) {
    const read = isRead ? "all_pages" : "elsewhere";
    const documents = lines.map(({ link: { session, party, token } }) => ({
        ...{ session, party, token },
    }));
    const { asked, now_ms, left_out } = await askAll({ read, key, documents });
    clock.set(now_ms);
    /** @type {Map<string, ApiError>} */
    const left = new Map(
        left_out.map((/** @type {{session: string}} */ one) => [
            one.session,
            new ApiError(409, one),
        ]),
    );
    const rest = lines.filter(({ view }) => !left.has(view.session));
    if (!(await isWhatIsListed(asked.shown, rest, read, key))) throw new MismatchError("approval");
    const signer = await signerFor(asked);
    return { asked, left, signer };
}

/**
 * Whether all that will be signed stands on this page, and nothing else.
 * @param {Record<string, unknown>} shown
 * @param {Line[]} lines
 * @param {"all_pages" | "elsewhere"} read
 * @param {string} key
 */
export async function isWhatIsListed(shown, lines, read, key) {
    const documents = lines.map(({ view }) => factsOf(view));
    const digests = documents.map(({ sha256 }) => fromBase64(sha256)).toSorted(inOrder);
    const expected = {
        ...documents[0],
        sha256: await digest(...digests),
        size: documents.reduce((sum, one) => sum + one.size, 0),
        pages: documents.reduce((sum, one) => sum + one.pages, 0),
        level: "S2",
        read,
        clauses: [],
        key,
        documents,
    };
    return documents.length > 0 && canonical({ clauses: [], ...shown }) === canonical(expected);
}

/** @param {Bytes} a @param {Bytes} b of the same length */
function inOrder(a, b) {
    const at = a.findIndex((byte, index) => byte !== b[index]);
    return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/**
 * @param {Line} line
 * @param {CryptoKey} key
 * @param {Bytes} spki
 * @param {{proof: string, approval: Record<string, unknown>}} approved
 * @returns {Promise<boolean>} whether nothing is left to do; else the file waits to be closed
 */
async function signOne(line, key, spki, approved) {
    const { session, view } = line;
    const { party } = view.you;
    const paper = await paperOf(line);
    const body = { session: view.session, party, spki: base64(spki), ...approved };
    const certified = await patiently(() => certify(line, spki, body));
    const words = { role: roleWords(view.you.role), level: boxWords(levelOf(view)) };
    const task = { session, view, paper, words, tell: () => {} };
    const signed = await patiently(() => handed(task, key, certified));
    return !isBlind(view) || closed({ session, view, paper: signed });
}

/**
 * Closes a private document, if this was the last signature.
 * @param {import("./opening.js").Opened} opened
 * @returns {Promise<boolean>} whether it is closed, or others come first
 */
async function closed(opened) {
    try {
        const now = await patiently(() => refreshed(opened));
        if (now.view.is_to_close) await patiently(() => closePaper(now));
        return true;
    } catch {
        // It is signed; the page of whoever opens it next closes it.
        return false;
    }
}
