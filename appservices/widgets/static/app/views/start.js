/** Making an account without having one: a name, a passphrase, the recovery key. */
import { html, nothing } from "lit";
import { VecheElement, banner, button, field } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { account, makeAccount } from "../account/account.js";
import { site } from "../site.js";

export class AppStart extends VecheElement {
    static properties = {
        step: { state: true },
        error: { state: true },
        isBusy: { state: true },
        recoveryKey: { state: true },
    };

    constructor() {
        super();
        /** @type {"account" | "key"} */
        this.step = "account";
        this.error = "";
        this.isBusy = false;
        this.recoveryKey = "";
    }

    /** @param {SubmitEvent} event */
    async _make(event) {
        event.preventDefault();
        const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
        Object.assign(this, { isBusy: true, error: "" });
        try {
            const { homeserver_url } = await site();
            await makeAccount(homeserver_url, {
                username: String(form.get("username")).trim().toLowerCase(),
                password: String(form.get("password")),
            });
            const { opened, error } = account();
            if (!opened) throw error;
            const { protect } = await import("../client/identity.js");
            this.recoveryKey = await protect(opened);
            this.step = "key";
        } catch (error) {
            this.error = String(error);
        } finally {
            this.isBusy = false;
        }
    }

    _account() {
        return html`<h1 tabindex="-1">${t("Start")}</h1>
            <form @submit=${this._make}>
                ${field({
                    id: "username",
                    label: t("Your name here"),
                    control: ({ id, describedby, invalid }) =>
                        html`<input
                            id=${id}
                            name="username"
                            autocomplete="username"
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                            required
                        />`,
                })}
                ${field({
                    id: "password",
                    label: t("Passphrase"),
                    control: ({ id, describedby, invalid }) =>
                        html`<input
                            id=${id}
                            name="password"
                            type="password"
                            autocomplete="new-password"
                            aria-describedby=${describedby}
                            aria-invalid=${invalid}
                            required
                        />`,
                })}
                ${this.error ? banner("critical", this.error) : nothing}
                ${button({ label: t("Continue"), type: "submit", is_busy: this.isBusy })}
            </form>`;
    }

    render() {
        if (this.step === "account") return this._account();
        return html`<h1 tabindex="-1">${t("Your recovery key")}</h1>
            <p class="recovery-key"><code>${this.recoveryKey}</code></p>
            <p><a class="button primary" href="#/services">${t("I have saved it")}</a></p>`;
    }
}
customElements.define("app-start", AppStart);
