/**
 * Disputes: of what one paid, of what one was paid, and those that one decides.
 *
 * @typedef {import("../deals_api.js").Disputes} Disputes
 */
import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { session } from "../../kit/session.js";
import { followDisputes } from "../deals_api.js";
import "../elements/dispute.js";
import { WalletView } from "../view.js";

export class VecheDisputes extends WalletView {
    static properties = /** @type {import("lit").PropertyDeclarations} */ ({
        ...WalletView.properties,
        disputes: { state: true },
    });

    constructor() {
        super();
        /** @type {Disputes | undefined} */
        this.disputes = undefined;
        /** @type {(() => void) | undefined} */
        this._unfollowDisputes = undefined;
    }

    get heading() {
        return t("Disputes");
    }

    /** @param {AbortSignal} signal */
    start(signal) {
        super.start(signal);
        this.disputes = undefined;
        if (!session()) return;
        this._unfollowDisputes = followDisputes(
            (disputes) => {
                this.disputes = disputes;
            },
            (error) => this.fail(error),
        );
    }

    stop() {
        super.stop();
        this._unfollowDisputes?.();
        this._unfollowDisputes = undefined;
    }

    /** @param {Disputes} disputes */
    _all({ disputes }) {
        if (!disputes.length)
            return html`<div class="empty">
                ${icon("document")}
                <p>${t("Nothing is disputed.")}</p>
            </div>`;
        return html`<ul class="cards">
            ${repeat(
                disputes,
                ({ id }) => id,
                (one) => html`<li><veche-dispute .dispute=${one}></veche-dispute></li>`,
            )}
        </ul>`;
    }

    render() {
        return this.framed(
            "disputes",
            () =>
                html`<p class="secondary-text">
                        ${t("Was something wrong with a payment? Open it in your history, and dispute it there. The same question stands in your chat with the bank.")}
                    </p>
                    <div
                        @veche-disputes=${(/** @type {CustomEvent<Disputes>} */ { detail }) => (this.disputes = detail)}
                    >
                        ${this.disputes ? this._all(this.disputes) : this.error ? "" : this.loading(2)}
                    </div>`,
        );
    }
}
customElements.define("veche-disputes", VecheDisputes);
