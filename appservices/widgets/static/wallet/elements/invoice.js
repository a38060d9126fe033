/**
 * An invoice: who asks for what, line by line, by which law, until when.
 *
 * @typedef {import("../api.js").Invoice} Invoice
 * @typedef {Pick<Invoice, "title" | "lines" | "law" | "appeal" | "notice_id" | "due_at_ms"> &
 *   {reference?: string}} Details
 */
import { html, nothing } from "lit";
import { showDateTime, showMoney, t } from "../../kit/i18n.js";

/** @param {Invoice} invoice */
export function invoiceCard(invoice) {
    const { issuer, total } = invoice;
    return html`<article class="card invoice" aria-label=${t("Invoice")}>
        <p class="invoice-from">
            <span class="secondary-text">${t("From")}</span>
            <strong><bdi>${issuer.name}</bdi></strong>
        </p>
        <p class="big-amount">${showMoney(total)}</p>
        <p class="invoice-title"><bdi>${invoice.title}</bdi></p>
        ${invoiceDetails(invoice)}
    </article>`;
}

/**
 * Whether the lines say more than the title.
 * @param {{text: string}[]} lines
 * @param {string} title
 */
export const hasLines = (lines, title) =>
    lines.length > 1 || lines.some(({ text }) => text !== title);

/** All but from whom, for what and how much. @param {Details} invoice */
export function invoiceDetails({ title, lines, law, appeal, notice_id, due_at_ms, reference }) {
    const facts = [
        [t("Pay until"), showDateTime(due_at_ms)],
        [t("Number"), notice_id],
        [t("By which law"), law],
        [t("Reference"), reference],
    ].filter(([, value]) => value);
    return html`${
            hasLines(lines, title)
                ? html`<ul class="invoice-lines">
                      ${lines.map(
                          (line) =>
                              html`<li>
                                  <span><bdi>${line.text}</bdi></span>
                                  <span class="amount">${showMoney(line.amount)}</span>
                              </li>`,
                      )}
                  </ul>`
                : nothing
        }
        <dl class="facts">
            ${facts.map(
                ([name, value]) =>
                    html`<dt>${name}</dt>
                        <dd><bdi>${value}</bdi></dd>`,
            )}
        </dl>
        ${
            appeal
                ? html`<details>
                      <summary>${t("How to object")}</summary>
                      <p class="lines">${appeal}</p>
                  </details>`
                : nothing
        }`;
}
