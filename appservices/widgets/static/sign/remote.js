/**
 * Signing at a provider of remote signatures on this page: the certificate is looked up there, and
 * approved here with the key of this device; then the provider gets a digest, and what the person
 * says to it. The file stays here, and the signature that comes back is judged before it is handed
 * in. If the person has to agree elsewhere, such as in an app, it is waited for; a page that is
 * opened anew meanwhile goes on with it.
 *
 * @typedef {import("./types.d.ts").View} View
 * @typedef {import("./types.d.ts").Credential} Credential
 * @typedef {import("./types.d.ts").ProviderField} ProviderField
 * @typedef {import("./types.d.ts").ProviderOrder} ProviderOrder
 * @typedef {import("../signatures/signing.js").Certified} Certified
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 * @typedef {{id: string, value: string}[]} Said
 */
import { roleWords } from "../approve/signing_words.js";
import { clock } from "../approve/handing.js";
import { ApiError, OfflineError } from "../kit/api.js";
import { fromBase64 } from "../kit/approval.js";
import { t } from "../kit/i18n.js";
import { spkiOf } from "../signatures/algorithms.js";
import { readCertificate } from "../signatures/certificate.js";
import { refreshed } from "./opening.js";
import { digest } from "./paper.js";
import { ProviderDown, TooLate } from "./provider_error.js";
import { MismatchError, handIn, signed } from "./signing.js";
import { checkStamping, isElsewhere } from "./stamping.js";

/** How often it is asked whether the person has agreed elsewhere. */
const CHECK_MS = 2500;
const SECOND_MS = 1000;
/** What makes an order useless: the file has changed, or it is over. */
const BEGUN_ANEW = new Set(["ORG.VECHE.STALE_REVISION", "ORG.VECHE.NO_ORDER"]);

/** @param {View} view @returns {boolean} whether a provider can sign all that has to be signed */
export function canBeRemote({ providers = [], clauses }) {
    return providers.length > 0 && !clauses.some(({ field }) => field);
}

/** @param {View} view @returns {string} what the provider of the certificate that was told is called */
export function providerName({ providers = [], you }) {
    return providers.find(({ id }) => id === you.own?.provider)?.name ?? "";
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param {View} view @param {ProviderOrder} order @returns {Promise<Certified>} */
async function certifiedOf(view, order) {
    const { proofs, you } = view;
    const [certificate, ...chain] = order.chain.map(fromBase64);
    const root = proofs.certificates[0];
    const tsa = isElsewhere(view) ? undefined : proofs.certificates.at(-1);
    if (!certificate || !root) throw new MismatchError("certificate");
    const { key } = readCertificate(certificate);
    if (!key || (await digest(spkiOf(key))) !== you.own?.key)
        throw new MismatchError("certificate");
    return {
        certificate,
        chain,
        root: fromBase64(root),
        ...(tsa && { tsa: fromBase64(tsa) }),
        others: order.certificates.map(fromBase64),
        lists: [...order.lists, ...proofs.lists].map(fromBase64),
    };
}

/** What a page of signing does at a provider, and what it has got to. */
export class RemoteSigning {
    /** @param {import("./view.js").VecheSign} page */
    constructor(page) {
        this.page = page;
        /** @type {{provider: string, credentials: Credential[]} | undefined} */
        this.found = undefined;
        /** @type {ProviderField[] | undefined} what the person has to say; none: it was not asked */
        this.fields = undefined;
        /** @type {"look" | "choose" | "begin" | "sign" | ""} what is being done */
        this.doing = "";
        /** Whether another certificate than the one that was told is looked for. */
        this.isAnew = false;
        /** Until when the person can agree elsewhere; 0: nothing is waited for. */
        this.untilMs = 0;
        /** Whether it was looked for what was begun before this page was opened. */
        this.isResumed = false;
        /** @type {number | undefined} */
        this.timer = undefined;
    }

    get name() {
        return this.page.view ? providerName(this.page.view) : "";
    }

    /** How many seconds are left to agree. */
    get leftS() {
        return Math.max(0, Math.ceil((this.untilMs - clock.now()) / SECOND_MS));
    }

    /** @param {string} provider @param {string} user as whom it knows the person */
    async look(provider, user) {
        await this.#do("look", async ({ session, view }) => {
            const name = view.providers?.find(({ id }) => id === provider)?.name ?? "";
            const body = { party: view.you.party, provider, user };
            const { credentials } = await asked(name, () => session.provider("credentials", body));
            this.found = { provider, credentials };
        });
    }

    /** @param {Credential} one */
    async choose({ credential, chain }) {
        await this.#do("choose", async ({ session, view }) => {
            const provider = this.found?.provider;
            const body = { party: view.you.party, chain, provider, credential };
            const { you } = await session.announceOwn(body);
            Object.assign(this, { found: undefined, fields: undefined, isAnew: false });
            this.page.view = { ...view, you };
        });
    }

    /** Asks what has to be said; a code is sent, if the provider wants one. */
    async begin() {
        await this.#do("begin", async ({ session, view }) => {
            const body = { party: view.you.party };
            const { fields } = await asked(this.name, () => session.provider("begin", body));
            this.fields = fields;
        });
        if (this.fields?.every((one) => one.is_elsewhere)) await this.sign([]);
    }

    /** @param {Said} said */
    async sign(said) {
        await this.#do("sign", async ({ session, view }) => {
            this.#tell("order");
            await checkStamping(view);
            const body = { party: view.you.party };
            await this.#finish(await session.provider("order", body), said);
        });
    }

    /** Goes on with what was begun before this page was opened, if there is something. */
    async resume() {
        const { view, _session: session } = this.page;
        if (this.isResumed || !view?.you.own?.is_approved || !view.you.own.provider) return;
        this.isResumed = true;
        /** @type {ProviderOrder | undefined} */
        const order = await session?.provider("check", { party: view.you.party }).catch(() => {});
        if (!order || order.state === "none" || order.state === "prepared") return;
        if (this.page.doing || this.doing || order.revision !== view.revisions.length + 1) return;
        await this.#do("sign", () => this.#finish(order, []));
    }

    /** @param {import("./signing.js").Step} step */
    #tell(step) {
        this.page.steps = [...this.page.steps, step];
    }

    /**
     * Prepares the signature, has its digest signed, and hands it in.
     * @param {ProviderOrder} order
     * @param {Said} said
     */
    async #finish(order, said) {
        const { view, paper, _session: session } = this.page;
        if (!view || !paper || !session) return;
        clock.set(order.now_ms);
        const certified = await certifiedOf(view, order);
        const level = t("Certificate of {issuer}", { issuer: view.you.own?.issuer ?? "" });
        const task = {
            ...{ session, view, paper },
            words: { role: roleWords(view.you.role), level: level.replaceAll(" · ", " ") },
            tell: (/** @type {import("./signing.js").Step} */ step) => this.#tell(step),
        };
        const key = (/** @type {Bytes} */ data) => this.#signed(order, data, said);
        const added = await signed(task, paper, key, certified, order.at_ms);
        const done = await handIn(task, paper, added, false);
        this.page._show(await refreshed({ session, view, paper: done.paper }));
        this.fields = undefined;
        await this.page._close();
    }

    /**
     * @param {ProviderOrder} order
     * @param {Bytes} data that is signed
     * @param {Said} said
     * @returns {Promise<Bytes>}
     */
    async #signed(order, data, said) {
        const { view, _session: session } = this.page;
        if (!view || !session) throw new TooLate();
        const { party } = view.you;
        const mine = await digest(data);
        this.#tell("provider");
        let now = order;
        if (order.state === "prepared") {
            const body = { party, digest: mine, said };
            now = await asked(this.name, () => session.provider("signature", body));
        }
        while (now.state === "waiting" && now.digest === mine) {
            this.#wait(now.until_ms);
            if (this.leftS === 0) throw new TooLate();
            await pause(CHECK_MS);
            now = await session.provider("check", { party }).catch((error) => {
                if (isForNow(error)) return now;
                throw error;
            });
        }
        this.#wait(0);
        // Of a page in another language, say, the picture is another one, and so is the digest.
        if (now.state !== "signed" || now.digest !== mine || !now.signature) throw new TooLate();
        return fromBase64(now.signature);
    }

    /** @param {number} untilMs until when the person can agree elsewhere; 0: it is over */
    #wait(untilMs) {
        this.untilMs = untilMs;
        window.clearInterval(this.timer);
        if (untilMs > 0)
            this.timer = window.setInterval(() => this.page.requestUpdate(), SECOND_MS);
        this.page.requestUpdate();
    }

    /**
     * @param {RemoteSigning["doing"]} doing
     * @param {(known: {session: import("./api.js").Session, view: View}) => Promise<void>} work
     */
    async #do(doing, work) {
        const { page } = this;
        const { view, paper, _session: session } = page;
        if (page.doing || this.doing || !view || !paper || !session) return;
        this.doing = doing;
        Object.assign(page, { doing: "provider", error: undefined, steps: [] });
        try {
            await work({ session, view });
        } catch (error) {
            if (error instanceof ApiError && BEGUN_ANEW.has(error.errcode))
                page._show(await refreshed({ session, view, paper }));
            page.error = error;
        } finally {
            this.doing = "";
            page.doing = "";
            this.#wait(0);
        }
    }
}

/** @param {unknown} error @returns {boolean} whether to ask again may help */
function isForNow(error) {
    return error instanceof OfflineError || (error instanceof ApiError && error.status >= 500);
}

/**
 * @template T
 * @param {string} provider what it is called
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 * @throws {ProviderDown} it does not answer as it should
 */
async function asked(provider, work) {
    try {
        return await work();
    } catch (error) {
        if (error instanceof ApiError && error.status === 503) throw new ProviderDown(provider);
        throw error;
    }
}
