/**
 * A new identity of the person's Matrix account: what it means, and confirming it with a key.
 *
 * @typedef {object} Identity
 * @property {"unknown" | "same" | "changed" | "gone"} state
 * @property {string | null} fingerprint
 * @property {boolean} has_key
 */
import { html, nothing } from "lit";
import { ApprovalsHeard, approveHref, openApproval } from "../cases/approving.js";
import { call } from "../kit/api.js";
import { banner, button } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { API, Section } from "./section.js";

export class VecheIdentity extends Section {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...Section.properties,
        asked: { state: true },
        isDone: { state: true },
    });

    constructor() {
        super();
        /** @type {Record<string, unknown> | undefined} an approval whose window was blocked */
        this.asked = undefined;
        this.isDone = false;
        this._approvals = new ApprovalsHeard(this, () => {
            this.asked = undefined;
            void this.refresh();
        });
    }

    async load() {
        /** @type {Identity} */
        const identity = await call("GET", `${API}/identity`);
        const was = this.data?.state;
        if (was === "changed" && identity.state === "same") this.isDone = true;
        return identity;
    }

    async _confirm() {
        await this.act("confirm", async () => {
            const { asked } = await call("POST", `${API}/identity`);
            this.asked = openApproval(asked) ? undefined : asked;
        });
    }

    /** @param {Identity} identity */
    _way({ has_key }) {
        if (!has_key)
            return html`<p>
                ${t("None of your keys can confirm it. Show the office who you are, and the bot's message with this number on your device.")}
            </p>`;
        return html`<p>
                ${t("Only if you reset it yourself: confirm it with your key. Then your verified devices count as before.")}
            </p>
            <p>
                ${
                    this.asked
                        ? html`<a class="button primary" href=${approveHref(this.asked)}
                              >${t("Open the page for approving")}</a
                          >`
                        : button({
                              label: t("Confirm my new identity"),
                              press: () => void this._confirm(),
                              is_busy: this.busy === "confirm",
                          })
                }
            </p>`;
    }

    render() {
        /** @type {Identity | undefined} */
        const identity = this.data;
        if (this.isDone)
            return html`<p role="status" class="note">${t("Your new identity is confirmed.")}</p>`;
        if (!identity || !["changed", "gone"].includes(identity.state)) return nothing;
        const words =
            identity.state === "gone"
                ? html`<p>
                      ${t("Your Matrix account had an identity, and has none now. Please set up recovery in your client.")}
                  </p>`
                : html`<p>
                          ${t("Your Matrix account has another identity than before. If you did not reset it yourself, somebody else may use your account: please ask a human being.")}
                      </p>
                      <p><code>${identity.fingerprint}</code></p>
                      ${this._way(identity)}`;
        return html`${banner("critical", words)} ${this.trouble()}`;
    }
}
customElements.define("veche-identity", VecheIdentity);
