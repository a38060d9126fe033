/**
 * Banks: money in, by a reference or a code for the bank's app, and money out.
 *
 * @typedef {import("../api.js").TopUp} TopUp
 */
import { html, nothing } from "lit";
import { banner } from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { readTopUps } from "../api.js";
import "../elements/copied.js";
import "../elements/payout_form.js";
import { codeImage } from "../parts.js";
import { paymentHref } from "../route.js";
import { WalletView } from "../view.js";

export class VecheBank extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        topUps: { state: true },
    });

    constructor() {
        super();
        /** @type {TopUp[] | undefined} */
        this.topUps = undefined;
    }

    get heading() {
        return t("Bank");
    }

    /** @param {AbortSignal} signal */
    start(signal) {
        super.start(signal);
        this.topUps = undefined;
    }

    changed() {
        if (!this.topUps) void this._read();
    }

    async _read() {
        const { signal } = this._stopped;
        try {
            const { ways } = await readTopUps(signal);
            if (signal.aborted) return;
            this.topUps = ways;
        } catch (error) {
            if (!signal.aborted) this.fail(error);
        }
    }

    /** @param {TopUp} way */
    _topUp({ owner, account, reference, code, is_play_money }) {
        /** @type {[string, string][]} */
        const facts = [
            [t("To"), owner],
            [t("Account"), account],
            [t("Reference"), reference],
        ];
        return html`${is_play_money ? banner("info", html`<p>${t("This is a demo, and its money is play money. Send no real money here.")}</p>`) : nothing}
            <div class="card two">
                ${code ? html`<div class="code-card">${codeImage(code, t("The same as a code for your bank's app"))}</div>` : nothing}
                <div>
                    <p>${t("Send money from your bank, as much and as often as you like:")}</p>
                    <dl class="facts">
                        ${facts.map(
                            ([name, value]) =>
                                html`<dt>${name}</dt>
                                    <dd>
                                        <veche-copied .text=${value} .label=${name}></veche-copied>
                                    </dd>`,
                        )}
                    </dl>
                    <p class="secondary-text small">
                        ${t("Write the reference exactly: the money finds you by it.")}
                    </p>
                </div>
            </div>`;
    }

    _none() {
        return html`<div class="empty">
            ${icon("bank")}
            <p>${t("No bank is connected here yet.")}</p>
        </div>`;
    }

    render() {
        return this.framed("bank", (wallet) => {
            if (!wallet.has_bank) return this._none();
            return html`<section>
                    <h2>${t("Top up")}</h2>
                    ${this.topUps ? this.topUps.map((one) => this._topUp(one)) : this.loading(1)}
                </section>
                <section>
                    <h2>${t("Pay out")}</h2>
                    <veche-payout-form
                        class="card"
                        .wallet=${wallet}
                        @veche-ordered=${(/** @type {CustomEvent} */ { detail }) =>
                            this.go(paymentHref(detail.id))}
                    ></veche-payout-form>
                </section>`;
        });
    }
}
customElements.define("veche-bank", VecheBank);
