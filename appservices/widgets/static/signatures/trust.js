/**
 * Whether a certificate was good at a moment, as `veche.documents.pki.trust` has it. Pure.
 *
 * @typedef {import("./der.js").Bytes} Bytes
 * @typedef {import("./certificate.js").Certificate} Certificate
 * @typedef {import("./certificate.js").RevocationList} RevocationList
 * @typedef {import("./ocsp.js").Answer} Answer
 * @typedef {import("./ocsp.js").State} State
 *
 * @typedef {object} Standing
 * @property {boolean} isTrusted
 * @property {boolean} isRevoked
 * @property {boolean} isListed
 * @property {boolean} isWeak an algorithm of the chain proved nothing any more
 */
import { hex, isSame } from "../verify/bytes.js";
import {
    allowsBelow,
    hasIssued,
    isAbout,
    isAuthority,
    isResponder,
    isSameCertificate,
    mayStamp,
    needsNoList,
    readCertificate,
    readList,
    isUnderstood,
    isWhole,
} from "./certificate.js";
import { nameOfHash } from "./digests.js";
import { isAnswerOf, isMeant, namesResponder, readAnswer } from "./ocsp.js";
import { isAnswer } from "./proofs.js";

const CHAIN_MAX = 4;
const CERTIFICATES_MAX = 1000;
export const TOLERANCE_MS = 2_000;

/**
 * @param {Bytes} encoded
 * @returns {Certificate} a root that is trusted for time stamps, and for nothing else
 */
export function stampRoot(encoded) {
    return { ...readCertificate(encoded), isForStamps: true };
}

export class Trust {
    /**
     * @param {Certificate[]} roots some of them for time stamps alone
     * @param {Bytes[]} certificates
     * @param {Bytes[]} lists of revoked ones, and answers of OCSP responders
     */
    constructor(roots, certificates, lists) {
        this.roots = roots;
        this.known = [...roots, ...readable(certificates, readCertificate)];
        /** @type {RevocationList[]} */
        this.lists = [];
        /** @type {Answer[]} */
        this.answers = [];
        for (const one of readable(lists, readProof))
            if ("states" in one) this.answers.push(one);
            else this.lists.push(one);
        /** @type {Map<string, boolean>} whether the issuer has issued it, by both */
        this.responders = new Map();
    }

    /**
     * @param {Certificate} certificate
     * @param {number} atMs
     * @param {Record<string, number>} [algorithmsEnd]
     * @param {string[]} [hashes] names of those that what it signed rests on
     * @returns {Promise<Standing>}
     */
    async standing(certificate, atMs, algorithmsEnd = {}, hashes = ["sha256"]) {
        const chain = await this.chain(certificate);
        const isValid = chain?.every((one) => isValidAt(one, atMs));
        if (!chain || !isValid)
            return { isTrusted: false, isRevoked: false, isListed: false, isWeak: false };
        /** @param {string} name */
        const hasEnded = (name) => atMs >= (algorithmsEnd[name] ?? Infinity);
        // The root is trusted as it is, whatever it says of itself.
        const below = chain.length === 1 ? chain : chain.slice(0, -1);
        const signed = below.map(({ scheme }) => nameOfHash(scheme?.hash));
        const verdicts = [];
        for (const [at, one] of chain.entries()) {
            const issuer = chain[at + 1];
            if (issuer) verdicts.push(await this.isRevoked(one, issuer, atMs, hasEnded));
        }
        return {
            isTrusted: true,
            isRevoked: verdicts.includes(true),
            isListed: !verdicts.includes(undefined),
            isWeak: [...hashes, ...chain.map(algorithmOf), ...signed].some(hasEnded),
        };
    }

    /** @param {Certificate} certificate @returns {Promise<Certificate[] | undefined>} to a root */
    async chain(certificate) {
        const chain = [certificate];
        const isStamper = mayStamp(certificate);
        const roots = this.roots.filter(({ isForStamps }) => isStamper || !isForStamps);
        for (let last = certificate; !roots.some((root) => isSameCertificate(root, last));) {
            const issuer = await this.issuerOf(last);
            if (!issuer || chain.length === CHAIN_MAX) return undefined;
            chain.push(issuer);
            last = issuer;
        }
        const isShort = chain.slice(1).every((one, at) => allowsBelow(one, at));
        return isShort && chain.slice(0, -1).every(isUnderstood) ? chain : undefined;
    }

    /** @param {Certificate} certificate */
    async issuerOf(certificate) {
        for (const one of this.known)
            if (
                isSame(one.subject, certificate.issuer) &&
                isAuthority(one) &&
                (await hasIssued(one, certificate))
            )
                return one;
        return undefined;
    }

    /**
     * @param {Certificate} certificate
     * @param {Certificate} issuer
     * @param {number} atMs
     * @param {(name: string) => boolean} hasEnded
     * @returns {Promise<boolean | undefined>} whether it was revoked; undefined: nobody can tell
     */
    async isRevoked(certificate, issuer, atMs, hasEnded) {
        const listed = await this.onLists(certificate, issuer, atMs, hasEnded);
        const answered = await this.onAnswers(certificate, issuer, atMs, hasEnded);
        return listed === true || answered === true || (listed ?? answered);
    }

    /**
     * @param {Certificate} certificate
     * @param {Certificate} issuer
     * @param {number} atMs
     * @param {(name: string) => boolean} hasEnded by such a hash it can accuse, and not acquit
     * @returns {Promise<boolean | undefined>} as `isRevoked`, by lists alone
     */
    async onLists(certificate, issuer, atMs, hasEnded) {
        /** @type {boolean | undefined} */
        let verdict;
        for (const list of this.lists) {
            const isIts = isSame(list.issuer, issuer.subject) && isAbout(list, certificate);
            if (!isIts || !(await hasIssued(issuer, list))) continue;
            const since = list.revoked.get(hex(certificate.serial));
            if (since !== undefined && since <= atMs) return true;
            const acquits = speaksOf(list, certificate, atMs);
            if (since !== undefined || (acquits && !hasEnded(nameOfHash(list.scheme?.hash))))
                verdict = false;
        }
        return verdict;
    }

    /**
     * @param {Certificate} certificate
     * @param {Certificate} issuer
     * @param {number} atMs
     * @param {(name: string) => boolean} hasEnded
     * @returns {Promise<boolean | undefined>} as `isRevoked`, by answers alone
     */
    async onAnswers(certificate, issuer, atMs, hasEnded) {
        /** @type {boolean | undefined} */
        let verdict;
        for (const answer of this.answers) {
            const states = [];
            for (const one of answer.states)
                if (await isMeant(one.about, certificate, issuer)) states.push(one);
            if (states.length === 0) continue;
            const mayAcquit = await this.mayAcquit(answer, issuer, hasEnded);
            if (mayAcquit === undefined) continue;
            if (states.some(({ sinceMs }) => sinceMs !== undefined && sinceMs <= atMs)) return true;
            if (mayAcquit && states.some((one) => acquits(one, certificate, atMs))) verdict = false;
        }
        return verdict;
    }

    /**
     * @param {Answer} answer
     * @param {Certificate} issuer of the certificates that it speaks of
     * @param {(name: string) => boolean} hasEnded
     * @returns {Promise<boolean | undefined>} whether it can acquit; undefined: it counts for nothing
     */
    async mayAcquit(answer, issuer, hasEnded) {
        const hash = nameOfHash(answer.scheme?.hash);
        if ((await namesResponder(answer, issuer)) && (await isAnswerOf(answer, issuer)))
            return !hasEnded(hash);
        const known = this.known.filter((one) => isResponder(one));
        for (const one of [...readable(answer.certificates, readCertificate), ...known]) {
            if (!(await namesResponder(answer, one))) continue;
            if (!(await this.mayAnswer(one, issuer, answer.producedAtMs))) continue;
            const isRevoked = await this.onLists(one, issuer, answer.producedAtMs, hasEnded);
            if (isRevoked === true || !(await isAnswerOf(answer, one))) continue;
            const used = [hash, algorithmOf(one), nameOfHash(one.scheme?.hash)];
            return (needsNoList(one) || isRevoked === false) && !used.some(hasEnded);
        }
        return undefined;
    }

    /** @param {Certificate} one @param {Certificate} issuer @param {number} atMs */
    async mayAnswer(one, issuer, atMs) {
        const pair = `${hex(one.encoded)} ${hex(issuer.encoded)}`;
        const its = isSame(one.issuer, issuer.subject) && isResponder(one);
        if (!this.responders.has(pair))
            this.responders.set(pair, its && (await hasIssued(issuer, one)));
        return this.responders.get(pair) === true && isValidAt(one, atMs);
    }
}

/** @param {Bytes} encoded @returns {RevocationList | Answer} */
function readProof(encoded) {
    return isAnswer(encoded) ? readAnswer(encoded) : readList(encoded);
}

/** @param {State} one @param {Certificate} certificate @param {number} atMs */
function acquits(one, certificate, atMs) {
    // Who is revoked later was good then.
    if (one.status !== "good") return one.status === "revoked";
    return one.atMs <= certificate.notAfterMs && atMs <= one.speaksUntilMs;
}

/** @param {Certificate} certificate @returns {string} as `trust.algorithm_of` names it */
function algorithmOf({ key }) {
    if (!key) return "";
    if (key.kind === "RSA") return `rsa${key.bits}`;
    return key.kind === "P-256" ? "secp256r1" : "secp384r1";
}

/** @param {RevocationList} list @param {Certificate} certificate @param {number} atMs */
function speaksOf(list, certificate, atMs) {
    const until = list.nextUpdateMs;
    const isInTime = list.thisUpdateMs <= certificate.notAfterMs && until !== undefined;
    return isInTime && atMs <= until && isWhole(list);
}

/** @param {Certificate} one @param {number} atMs */
function isValidAt(one, atMs) {
    return one.notBeforeMs - TOLERANCE_MS <= atMs && atMs <= one.notAfterMs;
}

/**
 * @template T
 * @param {Bytes[]} encoded
 * @param {(one: Bytes) => T} read
 * @returns {T[]} those that can be read
 */
export function readable(encoded, read) {
    return encoded.slice(0, CERTIFICATES_MAX).flatMap((one) => {
        try {
            return [read(one)];
        } catch {
            return [];
        }
    });
}
