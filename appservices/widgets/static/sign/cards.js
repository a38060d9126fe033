/** What the signing bot says in chats, drawn as cards by the app. */
import { attachment, card } from "../app/elements/card.js";
import { registerCard } from "../app/registry.js";
import { plural, showDate, t } from "../kit/i18n.js";

registerCard(
    "org.veche.sign_request",
    (_, { title, from_name, state, signed, deadline_at_ms, page, prompt, code }) => {
        const isWaiting = state === "open" && prompt;
        return card({
            mark: "document",
            kind: isWaiting ? t("To sign") : t("Document"),
            title: String(title || t("Document")),
            lines: [
                t("From {name}", { name: String(from_name) }),
                isWaiting && code ? t("Code {code}", { code: String(code) }) : undefined,
                plural("{count} has signed", "{count} have signed", Number(signed)),
                isWaiting
                    ? t("Sign by {date}", { date: showDate(Number(deadline_at_ms)) })
                    : undefined,
            ],
            action:
                isWaiting && typeof page === "string"
                    ? { href: page, label: t("Read and sign") }
                    : undefined,
        });
    },
);

for (const key of ["org.veche.sign_file", "org.veche.sign_result"])
    registerCard(key, (message, { in_force }) =>
        card({
            mark: "document",
            kind: in_force ? t("Signed document") : t("Document"),
            more: attachment(message),
            action: in_force ? { href: "/verify", label: t("Check a document") } : undefined,
        }),
    );
