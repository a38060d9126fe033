/** The two fields of an amount: as one types it, and its currency. */
import { html, nothing } from "lit";
import { t } from "../../kit/i18n.js";

const AMOUNT_CHARACTERS_MAX = 40;

/**
 * @param {{amount: string, currency?: string, currencies: string[], error?: string, help?: string,
 *   is_required?: boolean}} parts
 */
export function amountFields({ amount, currency, currencies, error, help, is_required = true }) {
    const described = [help && "amount-help", error && "amount-error"].filter(Boolean).join(" ");
    return html`<div class="field">
        <label for="amount"
            >${t("How much")}${is_required ? nothing : html` <span class="optional">${t("(optional)")}</span>`}</label
        >
        ${help ? html`<p class="help" id="amount-help">${help}</p>` : nothing}
        <div class="amount-fields">
            <input
                id="amount"
                name="amount"
                type="text"
                inputmode="decimal"
                autocomplete="off"
                maxlength=${AMOUNT_CHARACTERS_MAX}
                aria-describedby=${described || nothing}
                aria-invalid=${error ? "true" : "false"}
                .value=${amount}
            />
            <select name="currency" aria-label=${t("Currency")}>
                ${currencies.map(
                    (one) =>
                        html`<option value=${one} ?selected=${one === currency}>${one}</option>`,
                )}
            </select>
        </div>
        <p class="error" id="amount-error" aria-live="polite">${error ?? nothing}</p>
    </div>`;
}
