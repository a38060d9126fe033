/** Proposing to put money aside for a deal. */
import { html } from "lit";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import "../elements/escrow_form.js";
import { WalletView } from "../view.js";

export class VecheNewEscrow extends WalletView {
    get heading() {
        return t("Put money aside for a deal");
    }

    render() {
        return html`<p class="crumb">
                <a href="/wallet/trust">${icon("back")}<span>${t("People and deals")}</span></a>
            </p>
            ${this.framed(
                "escrow",
                (wallet) =>
                    html`<p class="secondary-text">
                            ${t("The money stays in between until enough of you agree whom it goes to. Until then neither you nor the seller can spend it.")}
                        </p>
                        <veche-escrow-form
                            .wallet=${wallet}
                            @veche-ordered=${() => this.go("/wallet/trust")}
                        ></veche-escrow-form>`,
            )}`;
    }
}
customElements.define("veche-new-escrow", VecheNewEscrow);
