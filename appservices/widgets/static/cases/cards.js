/** What offices say in chats, drawn as cards by the app: cases and issued documents. */
import { html, nothing } from "lit";
import { attachment, card, words } from "../app/elements/card.js";
import { registerCard } from "../app/registry.js";
import { showDate, t } from "../kit/i18n.js";
import "./elements/clock.js";
import { hrefOf } from "./route.js";

const PROMPT = "org.veche.prompt";

registerCard("org.veche.case", (message, { id, office, clock, step }) =>
    card({
        mark: "home",
        kind: String(office ?? t("Case")),
        lines: PROMPT in message.content ? [step] : [],
        more: html`${PROMPT in message.content ? nothing : words(message)}
        ${clock ? html`<veche-clock .dueAtMs=${Number(clock.due_at_ms)}></veche-clock>` : nothing}`,
        action: { href: hrefOf({ view: "case", id: String(id) }), label: t("Open the case") },
    }),
);

registerCard("org.veche.document", (message, { title, valid_until_ms }) =>
    card({
        mark: "document",
        kind: t("Document"),
        title: String(title),
        lines: [
            valid_until_ms
                ? t("valid until {date}", { date: showDate(Number(valid_until_ms)) })
                : undefined,
        ],
        more: attachment(message),
        action: { href: "/verify", label: t("Check a document") },
    }),
);
