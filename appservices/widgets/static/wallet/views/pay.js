/** Paying somebody: the form, then the question on the page of the payment. */
import { html, nothing } from "lit";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import "../elements/order_form.js";
import { paymentHref } from "../route.js";
import { WalletView } from "../view.js";

export class VechePay extends WalletView {
    get heading() {
        return t("Pay somebody");
    }

    render() {
        return this.framed(
            "pay",
            (wallet) =>
                html`${
                        wallet.is_frozen
                            ? html`<div class="banner critical" role="alert">
                                  <p>${t("You stopped everything, so nothing can be paid.")}</p>
                              </div>`
                            : nothing
                    }
                    <p>
                        <a class="with-mark" href="/pay"
                            >${icon("scan")}<span>${t("Scan or paste a code instead")}</span></a
                        >
                    </p>
                    <veche-order-form
                        class="card"
                        .wallet=${wallet}
                        @veche-ordered=${(/** @type {CustomEvent} */ { detail }) => this.go(paymentHref(detail.id))}
                    ></veche-order-form>`,
        );
    }
}
customElements.define("veche-pay", VechePay);
