/**
 * From a link to the document before the person's eyes: as whom they take part, what the service
 * tells, what it is not told, and the file itself. Nothing of it is believed.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./paper.js").Paper} Paper
 * @typedef {import("./link.js").Link} Link
 * @typedef {import("./link.js").PrivateLink} PrivateLink
 * @typedef {import("./link.js").OwnedLink} OwnedLink
 *
 * @typedef {object} Opened
 * @property {Session} session
 * @property {View} view
 * @property {Paper} paper
 */
import { ApiError } from "../kit/api.js";
import { session as signedIn } from "../kit/session.js";
import { OwnedSession, Session, partyOf } from "./api.js";
import { importKey } from "./cipher.js";
import { withMatter } from "./matter.js";
import { grown, openPaper } from "./paper.js";
import { PaperError } from "./paper_error.js";
import { isBlind } from "./signing.js";

/** Who opens the link of somebody who asks has to say who they are. */
export class SignInNeeded extends Error {}

/** The key is in the link that somebody else sends. */
export class KeyNeeded extends Error {
    /** @param {View} view */
    constructor(view) {
        super("no key");
        this.view = view;
    }
}

const DOUBTS = /** @type {const} */ (["increment", "signature", "document", "matter"]);

/**
 * @param {Link | PrivateLink | OwnedLink} link
 * @param {(view: View) => void} tell what is known before the file is here
 * @returns {Promise<Opened>}
 * @throws {SignInNeeded}
 * @throws {KeyNeeded}
 * @throws {PaperError} something in it does not hold; the service is told
 */
export async function openLink(link, tell) {
    const session = await sessionOf(link);
    const said = await session.view();
    if (said.is_deleted) throw new PaperError("deleted");
    if (!isBlind(said)) {
        if (!link.key) throw new PaperError("key");
        tell(said);
        const cipher = await session.blob(said.document.blob);
        return { session, view: said, paper: await openPaper(said, cipher, link.key) };
    }
    if (!link.key) throw new KeyNeeded(said);
    return watched(session, said, async () => {
        const key = /** @type {Uint8Array<ArrayBuffer>} */ (link.key);
        const view = await withMatter(said, await importKey(key));
        tell(view);
        const cipher = await session.blob(view.document.blob);
        const promised = "document" in link ? link.document : undefined;
        const paper = await openPaper(view, cipher, key, promised);
        return { session, view: named(view, paper), paper };
    });
}

/**
 * The session as it is now, with what others have signed meanwhile.
 * @param {Opened} opened
 * @returns {Promise<Opened>}
 */
export async function refreshed({ session, paper }) {
    const said = await session.view();
    if (!isBlind(said)) return { session, view: said, paper: await grown(paper, said) };
    return watched(session, said, async () => {
        const view = named(await withMatter(said, paper.secret), paper);
        return { session, view, paper: await grown(paper, view) };
    });
}

const OVER = new Set([
    "ORG.VECHE.ALREADY_SIGNED",
    "ORG.VECHE.NOT_YOUR_TURN",
    "ORG.VECHE.SESSION_NOT_OPEN",
]);

/**
 * What has happened meanwhile, here (the answer was lost) or elsewhere, if a refusal comes of that.
 * @param {Opened} opened
 * @param {unknown} error
 * @returns {Promise<Opened | undefined>} nothing is left to do in it; else it is something else
 */
export async function overMeanwhile(opened, error) {
    if (!(error instanceof ApiError) || !OVER.has(error.errcode)) return undefined;
    const now = await refreshed(opened).catch(() => undefined);
    return now?.view.you.can_act ? undefined : now;
}

/** @param {View} view @param {Paper} paper @returns {View} with what the service does not know of the file */
function named(view, { file }) {
    if (!file) return view;
    const { name, kind } = file;
    return { ...view, document: { ...view.document, name, kind } };
}

/** @param {Link | PrivateLink | OwnedLink} link */
async function sessionOf(link) {
    if ("party" in link) return new Session(link);
    if (!signedIn()) throw new SignInNeeded("sign in");
    if ("isOwned" in link) return new OwnedSession(link.session);
    return new Session({ session: link.session, ...(await partyOf(link.session)) });
}

/**
 * Tells who asks for signatures if something does not hold: no service can see that.
 * @template T
 * @param {Session} session
 * @param {View} view
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function watched(session, view, work) {
    try {
        return await work();
    } catch (error) {
        const fault = error instanceof PaperError && DOUBTS.find((one) => one === error.fault);
        const revision = view.revisions.at(-1)?.number ?? 0;
        // Whether the service takes it or not, the person is told.
        if (fault)
            await session.doubt({ party: view.you.party, revision, fault }).catch(() => undefined);
        throw error;
    }
}
