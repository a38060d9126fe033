/** What payments bots say in chats, drawn as cards by the app: invoices and receipts. */
import { html } from "lit";
import { account } from "../app/account/account.js";
import { card, linkTo } from "../app/elements/card.js";
import { registerCard } from "../app/registry.js";
import { showDateTime, showMoney, t } from "../kit/i18n.js";
import { hasLines, invoiceDetails } from "./elements/invoice.js";
import { paymentHref } from "./route.js";

registerCard(
    "org.veche.invoice",
    (message, invoice) => {
        const pay = linkTo(message, "/pay");
        const { issuer_name, title, total } = invoice;
        const amount = showMoney(total);
        return card({
            mark: "document",
            kind: t("Invoice of {name}", { name: String(issuer_name) }),
            title: String(title),
            lines: [html`<span class="card-amount">${amount}</span>`],
            more: invoiceDetails(invoice),
            action: pay ? { href: pay, label: t("Pay {amount}", { amount }) } : undefined,
        });
    },
    // As `invoice_doc` of texts/invoice.py builds them: the heading, the facts, the lines, how to object.
    ({ title, lines, appeal }) =>
        lines.some((/** @type {any} */ one) => one.tax)
            ? 0
            : 2 +
              Number(hasLines(lines, title)) +
              (appeal ? String(appeal).split("\n\n").length : 0),
);

registerCard("org.veche.receipt", (message, { payment, payee, amount, at_ms, reference }) => {
    const isOwn = payee === account().session?.userId;
    return card({
        mark: "check",
        kind: t("Receipt"),
        // What one got without words for it: "You were paid" begins the message, not one's own address.
        title: String(reference || (isOwn ? message.content.body : payee)).split("\n")[0],
        lines: [
            html`<span class="card-amount">${showMoney(amount)}</span>`,
            ...(reference && !isOwn ? [html`${t("To")}: <bdi>${payee}</bdi>`] : []),
            showDateTime(Number(at_ms)),
            t("Number to quote: {number}", { number: String(payment).slice(-8) }),
        ],
        action: { href: paymentHref(String(payment)), label: t("Open the payment") },
    });
});
