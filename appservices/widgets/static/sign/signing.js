/**
 * The whole way from the press to the signature, in steps that the person can follow. The key for
 * it is made here, signs here, and is forgotten here; what a server gives is checked before it is
 * used, and what was made before it is handed in.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").Choices} Choices
 * @typedef {import("./paper.js").Paper} Paper
 * @typedef {import("../approve/asked.js").Asked} Asked
 * @typedef {import("../approve/keys.js").Signer} Signer
 * @typedef {import("../signatures/signing.js").Certified} Certified
 * @typedef {import("../signatures/signing.js").Added} Added
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 * @typedef {import("../signatures/signing.js").Signing["key"]} Key
 * @typedef {import("./stamping.js").Ready} Ready
 * @typedef {"key" | "approve" | "certificate" | "sign" | "clause" | "hand" | "again" | "close" |
 *     "order" | "provider"} Step
 *
 * @typedef {import("./api.js").Session} Session
 *
 * @typedef {object} Task
 * @property {Session} session
 * @property {View} view
 * @property {Paper} paper
 * @property {Choices} choices
 * @property {(step: Step) => void} tell
 * @property {{role: string, level: string}} words what the box shows, in the person's language
 *
 * @typedef {object} AllAdded
 * @property {Added} own the signature in the signer's own box
 * @property {{id: string, added: Added}[]} clauses then each that is signed by itself
 * @property {Bytes} data of all of them
 */
import { judgeContainer } from "../asic/verdict.js";
import { clock, look, signedBy } from "../approve/handing.js";
import { signersOf } from "../approve/keys.js";
import { ApiError } from "../kit/api.js";
import { base64, fromBase64 } from "../kit/approval.js";
import { canonical } from "../kit/canonical.js";
import { canBeShown, openFile } from "../pdf/signing.js";
import { documentDigestOf, nameOf, readCertificate } from "../signatures/certificate.js";
import { makeKey, publicKeyOf } from "../signatures/making.js";
import { signFile, signStep } from "../signatures/signing.js";
import { judge } from "../signatures/verdict.js";
import { isSame, joined } from "../verify/bytes.js";
import { withMatter } from "./matter.js";
import { digest, extended, grown, newFindings, revisionOf, rootsOf } from "./paper.js";
import { checkStamping, isElsewhere, ready, withNewest } from "./stamping.js";
import { handOf, isOfThis } from "./witnessing.js";

const STALE = "ORG.VECHE.STALE_REVISION";
const REBASE_MAX = 5;
const SIGNED = "ORG.VECHE.ALREADY_SIGNED";
export const SIGNING = { name: "ECDSA", hash: "SHA-256" };
const TAIL = "tail_not_time_stamped";

/** This device has no key of the person. */
export class NoKeyError extends Error {
    /** @param {number} waits_ms how long a key that is made now would wait */
    constructor(waits_ms) {
        super("no key");
        this.waits_ms = waits_ms;
    }
}

/** What the service asks to be approved, or gives, is not what stands on the page. */
export class MismatchError extends Error {}

/** @param {View} view @returns {boolean} whether the service can't read the document */
export function isBlind({ mode }) {
    return mode === "blind";
}

/**
 * @param {View} view
 * @returns {"S1" | "S2" | "S3" | "S4"} how they sign: in their box, if they have one; with a
 *   certificate of their own, if that is asked for
 */
export function levelOf({ you }) {
    if (!you.field) return "S1";
    if (you.level !== "S3" && you.level !== "S4") return "S2";
    return you.own?.level ?? you.level;
}

/**
 * @param {Task} task
 * @returns {Promise<Paper>} with the signature
 */
export async function signPaper(task) {
    task.tell("key");
    const pair = await makeKey();
    const spki = await publicKeyOf(pair.publicKey);
    const isInFile = levelOf(task.view) !== "S1";
    if (isInFile) await checkStamping(task.view);
    const approved = await approve(task, isInFile ? await digest(spki) : undefined);
    const { party } = task.view.you;
    if (!isInFile) {
        task.tell("hand");
        await task.session.sign({ party, approval: approved.signed });
        return task.paper;
    }
    task.tell("certificate");
    const proof = await crypto.subtle.sign(SIGNING, pair.privateKey, approved.bytes);
    const certified = await certify(task, spki, {
        session: task.view.session,
        party,
        spki: base64(spki),
        proof: base64(proof),
        approval: approved.signed,
    });
    return handed(task, pair.privateKey, certified);
}

/**
 * Says no: signed by the device's key, so that nobody else can.
 * @param {{view: View, session: Session}} task
 * @param {string} reason_code
 * @param {string} reason
 */
export async function declinePaper(task, reason_code, reason) {
    const { view, session } = task;
    const spki = await publicKeyOf((await makeKey()).publicKey);
    const key = levelOf(view) === "S1" ? undefined : await digest(spki);
    // What is asked is never approved: only the no to it is signed.
    const choices = {
        read: /** @type {const} */ ("elsewhere"),
        clauses: answered(view, () => true),
        is_refusal: true,
    };
    const { asked, signer } = await ask(task, choices, key);
    const no = { v: 1, kind: "decline", nonce: asked.nonce, person: asked.person };
    const { signed } = await signedBy(signer, no);
    await session.decline({ party: view.you.party, reason_code, reason, approval: signed });
}

/**
 * @param {View} view
 * @param {(id: string) => boolean} isAccepted
 * @returns {Choices["clauses"]} an answer to each clause that needs one
 */
export function answered(view, isAccepted) {
    return view.clauses
        .filter(({ kind }) => kind !== "required")
        .map(({ id }) => ({ id, accepted: isAccepted(id) }));
}

/**
 * @param {Pick<Task, "session" | "view" | "choices" | "tell">} task
 * @param {string | undefined} key digest of the one that signs in the file
 */
export async function approve(task, key) {
    const { view, choices } = task;
    if (!(await isOfThis(view))) throw new MismatchError("hand");
    const { asked, signer } = await ask(task, choices, key);
    const { kind, nonce, person, shown } = asked;
    if (!isWhatIsShown(shown, view, choices, key)) throw new MismatchError("approval");
    task.tell("approve");
    return signedBy(signer, { v: 1, kind, nonce, person, shown });
}

/**
 * @param {{view: View, session: Session}} task
 * @param {Choices & {is_refusal?: boolean}} choices
 * @param {string | undefined} key
 * @returns {Promise<{asked: Asked, signer: Signer}>}
 */
async function ask({ view, session }, choices, key) {
    const body = { party: view.you.party, level: levelOf(view), ...choices, ...(key && { key }) };
    const { asked, now_ms } = await session.ask(body);
    clock.set(now_ms);
    return { asked, signer: await signerFor(asked) };
}

/** @param {Asked} asked @returns {Promise<Signer>} a key of this device that may approve it */
export async function signerFor(asked) {
    const { keys, new_key_waits_ms } = await look(asked.nonce);
    const [signer] = await signersOf(asked.person, keys);
    if (!signer) throw new NoKeyError(new_key_waits_ms);
    return signer;
}

/**
 * Whether all that will be signed stands on this page, and nothing else.
 * @param {Record<string, unknown>} shown
 * @param {View} view
 * @param {Choices} choices
 * @param {string | undefined} key
 */
export function isWhatIsShown(shown, view, choices, key) {
    const answers = new Map(choices.clauses.map((one) => [one.id, one.accepted]));
    const clauses = view.clauses.map(({ id, title, title_sha256, kind }) => ({
        id,
        ...(isBlind(view) ? { title_sha256 } : { title }),
        accepted: kind === "required" || answers.get(id) === true,
    }));
    const expected = {
        ...factsOf(view),
        level: levelOf(view),
        read: choices.read,
        clauses,
        ...(key && { key }),
    };
    return canonical({ clauses: [], ...shown }) === canonical(expected);
}

/** @param {View} view @returns what is shown of a document, whatever else is signed with it */
export function factsOf(view) {
    return {
        ...(isBlind(view) ? { title_sha256: view.title_sha256 } : { title: view.title }),
        sha256: view.document.sha256,
        size: view.document.size,
        pages: view.document.pages,
        requester: view.requester,
        session: view.session,
        party: view.you.party,
        role: view.you.role,
        code: view.code,
        parties_sha256: view.parties_sha256,
        effect: view.effect,
        ...handOf(view),
    };
}

/**
 * @param {{view: View, session: Session}} task
 * @param {Bytes} spki
 * @param {Record<string, unknown>} body
 * @returns {Promise<Certified>}
 * @throws {MismatchError} it is for another key or another document
 */
export async function certify({ view, session }, spki, body) {
    const answer = await session.certificate(body);
    const [root, ...others] = answer.certificates.map(fromBase64);
    const tsa = isElsewhere(view) ? undefined : others.pop();
    const certificate = fromBase64(answer.certificate);
    const { key, ...read } = readCertificate(certificate);
    const bound = documentDigestOf({ key, ...read });
    const isOurs =
        key !== undefined &&
        isSame(key.encoded, spki.subarray(-key.encoded.length)) &&
        bound !== undefined &&
        base64(bound) === view.document.sha256;
    if (!isOurs || !root || others.length === 0) throw new MismatchError("certificate");
    const lists = answer.lists.map(fromBase64);
    return { certificate, chain: others, root, lists, ...(tsa && { tsa }) };
}

/**
 * Signs and hands in; once more, by the same key and certificate, whenever others were quicker.
 * @param {Omit<Task, "choices">} task
 * @param {CryptoKey} key
 * @param {Certified} certified
 * @returns {Promise<Paper>}
 */
export async function handed(task, key, certified) {
    let { paper } = task;
    for (let again = 0; ; again += 1) {
        task.tell(again === 0 ? "sign" : "again");
        const now = paper;
        const added = await withNewest(() => signed(task, now, key, certified));
        const done = await handIn(task, paper, added, again < REBASE_MAX);
        if (done.isTaken) return done.paper;
        paper = done.paper;
    }
}

/**
 * @param {Omit<Task, "choices">} task
 * @param {Paper} paper before the signature
 * @param {AllAdded} added
 * @param {boolean} mayAgain whether the newer file is of use if others were quicker
 * @returns {Promise<{isTaken: boolean, paper: Paper}>} with the signature; or the newer file
 * @throws {ApiError} it was refused
 */
export async function handIn(task, paper, added, mayAgain) {
    const { party } = task.view.you;
    const longer = extended(paper, added.data);
    const revision = {
        ...(await revisionOf(paper, longer.whole, added.data)),
        party,
        // Who can't read the increment can still check these.
        ...(isBlind(task.view) && claimsOf(added)),
    };
    task.tell("hand");
    try {
        await task.session.sign({ party, revision });
        return { isTaken: true, paper: longer };
    } catch (error) {
        const code = error instanceof ApiError ? error.errcode : "";
        if (code !== SIGNED && (code !== STALE || !mayAgain)) throw error;
        const said = await task.session.view();
        const view = isBlind(said) ? await withMatter(said, paper.secret) : said;
        // The answer may have been lost on its way back, not the signature on its way there.
        const isTaken = view.revisions.some((one) => one.sha256 === revision.sha256);
        if (isTaken) return { isTaken, paper: longer };
        if (code === SIGNED) throw error;
        return { isTaken, paper: await grown(paper, view) };
    }
}

/** @param {AllAdded} added @returns what the service can check of it without the file */
function claimsOf({ own, clauses }) {
    const others = clauses.map(({ id, added }) => ({ clause: id, ...claimOf(added) }));
    return { ...claimOf(own), ...(others.length > 0 && { clauses: others }) };
}

/** @param {Added} added */
function claimOf({ cms, digest: covered }) {
    return { cms: base64(cms), signed_sha256: base64(covered) };
}

/**
 * @param {Pick<Task, "view" | "words" | "tell">} task
 * @param {Paper} paper
 * @param {Key} key
 * @param {Certified} certified
 * @param {number} [nowMs] the time that it shows
 * @returns {Promise<AllAdded>} judged as anybody will judge it
 */
export async function signed({ view, words, tell }, paper, key, certified, nowMs = clock.now()) {
    const stamped = await ready(view, certified);
    if (!stamped) throw new MismatchError("certificate");
    if (paper.file) return signedStep(view, paper, paper.file, key, stamped);
    let { whole } = paper;
    const isNew = view.document.is_signed === true;
    const add = async (/** @type {string} */ field, /** @type {Task["words"][]} */ looks) => {
        const added = await signedIn({ field, looks, isNew, nowMs }, whole, key, stamped);
        whole = joined(whole, added.data);
        return added;
    };
    const own = await add(view.you.field ?? "", [words]);
    /** @type {AllAdded["clauses"]} */
    const clauses = [];
    for (const { id, field, title } of view.clauses) {
        if (!field) continue;
        tell("clause");
        clauses.push({ id, added: await add(field, [{ ...words, role: title }, words]) });
    }
    const { findings } = await judge(whole, rootsOf(view), clock.now());
    const ours = newFindings(findings, paper.before);
    if (ours.some(({ reason }) => reason !== TAIL)) throw new MismatchError("signature");
    return { own, clauses, data: whole.slice(paper.whole.length) };
}

/**
 * The same of what is no PDF: one signature more in its container.
 * @param {View} view
 * @param {Paper} paper
 * @param {import("../asic/growing.js").DataFile} file
 * @param {Key} key
 * @param {Ready} certified
 * @returns {Promise<AllAdded>}
 */
async function signedStep(view, paper, file, key, certified) {
    const { stamp } = certified;
    const number = paper.additions.length + 1;
    const own = await signStep({ file, number, key, certified, stamp });
    const { whole } = extended(paper, own.data);
    const { findings } = await judgeContainer(whole, rootsOf(view), clock.now());
    if (findings.some(({ reason }) => reason !== TAIL)) throw new MismatchError("signature");
    return { own, clauses: [], data: own.data };
}

/**
 * @param {{field: string, looks: Task["words"][], isNew: boolean, nowMs: number}} box with what it
 *   may show, the best first; whether it is made with the signature, and shows nothing; when
 * @param {Bytes} whole
 * @param {Key} key
 * @param {Ready} certified
 * @returns {Promise<Added>} the revision with the signature in one box
 */
async function signedIn({ field, looks, isNew, nowMs }, whole, key, certified) {
    const file = openFile(whole);
    const name = nameOf(readCertificate(certified.certificate));
    const { stamp } = certified;
    const signing = { file, field, key, certified, name, nowMs, stamp };
    if (isNew) return signFile({ ...signing, isNew });
    for (const look of looks)
        if (await canBeShown(file, field, [name, look.role, look.level]))
            return signFile({ ...signing, look });
    return signFile(signing);
}
