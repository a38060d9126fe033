/**
 * Signing in person: the phone of who has no account comes in by the code that it has scanned,
 * shows four digits, and waits until somebody has seen whose it is; then it signs like any other.
 * A screen shows that code large.
 *
 * @typedef {import("./types.d.ts").Meeting} Meeting
 * @typedef {import("./types.d.ts").Claimed} Claimed
 * @typedef {import("./types.d.ts").Screen} Screen
 */
import { html, nothing, svg } from "lit";
import { base64, dropKey, keepKey, keysHere, makeBrowserKey, signHere } from "../kit/approval.js";
import { canonicalBytes } from "../kit/canonical.js";
import { VecheElement, banner, button, spinner } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { readMeetingLink } from "./link.js";
import { act, look } from "./meeting.js";
import { explained } from "./words.js";

const LOOK_MS = 2000;
/** White around a code, in its modules (ISO/IEC 18004). */
const BORDER = 4;
const OVER = new Set(["refused", "replaced"]);

/**
 * Comes in with the key of this phone, which is made here and stays here; again with the same one.
 * @param {import("./link.js").MeetingLink} link
 * @returns {Promise<Claimed>}
 */
async function claim(link) {
    // Until the service has said whose key it is, it is kept as the meeting's.
    const [before] = await keysHere(link.meeting);
    const made = before?.pair ? undefined : await makeBrowserKey();
    const pair = before?.pair ?? /** @type {CryptoKeyPair} */ (made?.pair);
    const id = before?.id ?? /** @type {string} */ (made?.id);
    const label = t("In person");
    if (made) await keepKey({ id, person: link.meeting, kind: "p256", label, pair });
    const told = { v: 1, what: "org.veche.meeting", meeting: link.meeting, key: id };
    const proof = await signHere(pair, canonicalBytes(told));
    const public_key = base64(await crypto.subtle.exportKey("raw", pair.publicKey));
    /** @type {Claimed} */
    const claimed = await act(link, "/claim", { public_key, ...proof });
    return { ...claimed, key: { id, pair, label } };
}

export class VecheSignMeet extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        meeting: { state: true },
        claimed: { state: true },
        fault: { state: true },
        isBusy: { state: true },
    });

    constructor() {
        super();
        /** @type {Meeting | undefined} */
        this.meeting = undefined;
        /** @type {Claimed | undefined} none before this phone came in */
        this.claimed = undefined;
        /** @type {unknown} why it cannot go on */
        this.fault = undefined;
        this.isBusy = false;
        this._link = readMeetingLink(location.hash);
        /** @type {ReturnType<typeof setTimeout> | undefined} */
        this._timer = undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        void this._look();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        clearTimeout(this._timer);
    }

    async _look() {
        if (!this._link?.key) return;
        try {
            this.meeting = await look(this._link, "");
            this.fault = undefined;
            await this._goOn();
        } catch (error) {
            this.fault = error;
        }
    }

    /** Looks again while somebody looks at this phone; goes on once they have said who holds it. */
    async _goOn() {
        const { meeting, claimed } = this;
        if (!meeting || !claimed || !this._link) return;
        if (meeting.state === "identified") {
            const { id, pair, label } = claimed.key;
            await keepKey({ id, person: claimed.person, kind: "p256", label, pair });
            const k = new URLSearchParams(location.hash.slice(1)).get("k") ?? "";
            const { session, party, token } = claimed;
            const said = new URLSearchParams({ s: session, p: party, t: token, k });
            // The code is of no use any more: going back would only say so.
            location.replace(`#${said}`);
        } else if (!OVER.has(meeting.state) && meeting.now_ms < meeting.expires_at_ms) {
            this._timer = setTimeout(() => void this._look(), LOOK_MS);
        }
    }

    async _come() {
        if (!this._link || this.isBusy) return;
        Object.assign(this, { isBusy: true, fault: undefined });
        try {
            this.claimed = await claim(this._link);
            this.meeting = this.claimed;
            await this._goOn();
        } catch (error) {
            this.fault = error;
        }
        this.isBusy = false;
    }

    async _leave() {
        if (!this._link || this.isBusy) return;
        this.isBusy = true;
        clearTimeout(this._timer);
        try {
            this.meeting = await act(this._link, "/leave", {});
            if (this.claimed) await dropKey(this.claimed.key.id);
        } catch (error) {
            this.fault = error;
        }
        this.isBusy = false;
    }

    /** @param {Meeting} meeting */
    _over({ state, registrar }) {
        const words =
            state === "refused"
                ? t("Nobody signs by this code.")
                : t("There is a newer code, or the time for this one is over.");
        return html`${banner("info", html`<p>${words}</p>`)}
            <p>${t("Ask {name} for a new one, and scan that.", { name: registrar })}</p>`;
    }

    /** @param {Meeting} meeting */
    _begin({ registrar }) {
        return html`<p>
                ${t("{registrar} asks you to read and sign a document, here on your own phone. First they see your identity document; its number is kept nowhere.", { registrar })}
            </p>
            <p class="secondary-text">
                ${t("A key is made in this browser for this one signature. Don't use a private window, and don't give the phone away.")}
            </p>
            <div class="actions">
                ${button({
                    label: html`${icon("key")}<span>${t("Go on with this phone")}</span>`,
                    is_busy: this.isBusy,
                    press: () => void this._come(),
                })}
                ${this._no()}
            </div>`;
    }

    _no() {
        return button({
            label: t("I don't want to"),
            style: "secondary",
            is_off: this.isBusy,
            press: () => void this._leave(),
        });
    }

    /** @param {Claimed} claimed */
    _wait({ code, registrar }) {
        return html`<p>
                ${t("Show this phone and your identity document to {registrar}. These digits have to be theirs too:", { registrar })}
            </p>
            <div class="document-code card">
                <p class="code-digits">
                    <span aria-hidden="true">${code}</span
                    ><span class="hidden-text"
                        >${t("Code {code}", { code: [...code].join(" ") })}</span
                    >
                </p>
            </div>
            ${spinner(t("Waiting until they have said who you are…"))}
            <div class="actions">${this._no()}</div>`;
    }

    _content() {
        const { meeting, claimed, fault } = this;
        if (!this._link?.key)
            return html`<p>${t("This link was cut off: scan the code once more.")}</p>`;
        if (fault !== undefined)
            return html`${banner("critical", html`<p>${explained(fault)}</p>`)}
                <p class="actions">
                    ${button({ label: t("Try again"), press: () => void this._look() })}
                </p>`;
        if (!meeting) return spinner();
        const isLate = meeting.now_ms >= meeting.expires_at_ms;
        if (OVER.has(meeting.state) || (isLate && meeting.state !== "identified"))
            return this._over(meeting);
        return claimed ? this._wait(claimed) : this._begin(meeting);
    }

    render() {
        const { meeting } = this;
        return html`<div class="alone">
            <h1 tabindex="-1">${t("Sign in person")}</h1>
            ${
                meeting
                    ? html`<p>
                          <strong><bdi>${meeting.name}</bdi></strong>
                      </p>`
                    : nothing
            }
            ${this._content()}
        </div>`;
    }
}
customElements.define("veche-sign-meet", VecheSignMeet);

export class VecheSignScreen extends VecheElement {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        screen: { state: true },
        fault: { state: true },
    });

    constructor() {
        super();
        /** @type {Screen | undefined} */
        this.screen = undefined;
        /** @type {unknown} */
        this.fault = undefined;
        this._link = readMeetingLink(location.hash);
        /** @type {ReturnType<typeof setTimeout> | undefined} */
        this._timer = undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        void this._look();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        clearTimeout(this._timer);
    }

    async _look() {
        if (!this._link) return;
        try {
            this.screen = await look(this._link, "/screen");
            this.fault = undefined;
        } catch (error) {
            this.fault = error;
        }
        if (this.fault !== undefined || this.screen?.modules.length)
            this._timer = setTimeout(() => void this._look(), LOOK_MS);
    }

    render() {
        const { screen, fault } = this;
        return html`<div class="alone">
            <h1 tabindex="-1">${t("Sign in person")}</h1>
            ${fault === undefined ? nothing : banner("critical", html`<p>${explained(fault)}</p>`)}
            ${this._link ? nothing : html`<p>${t("Open the link in your chat once more.")}</p>`}
            ${screen ? shown(screen) : nothing}
        </div>`;
    }
}
customElements.define("veche-sign-screen", VecheSignScreen);

/** @param {Screen} screen */
function shown({ modules, name, state }) {
    if (modules.length === 0)
        return html`<p role="status">
            ${
                state === "claimed" || state === "written" || state === "identified"
                    ? t("A phone has opened it. Go on in your chat.")
                    : t("This code can't be used any more. Get a new one in your chat.")
            }
        </p>`;
    const size = modules.length + 2 * BORDER;
    const dark = modules
        .flatMap((row, y) =>
            [...row].map((one, x) => (one === "1" ? `M${x + BORDER} ${y + BORDER}h1v1h-1z` : "")),
        )
        .join("");
    return html`<p>${t("{name}: scan this with your own phone.", { name })}</p>
        <svg
            class="code-picture"
            viewBox="0 0 ${size} ${size}"
            role="img"
            aria-label=${t("A code for a phone")}
            shape-rendering="crispEdges"
        >
            ${svg`<rect width=${size} height=${size} fill="white"></rect><path d=${dark} fill="black"></path>`}
        </svg>`;
}
