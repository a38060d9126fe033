import { nothing } from "lit";
import { banner } from "../kit/elements.js";
import { t } from "../kit/i18n.js";

/** That an account is not the office whose name or place it takes. @param {{badge: string, like: string}} room */
export function doubtNote({ badge, like }) {
    if (badge === "key")
        return banner(
            "critical",
            t(
                "Careful: this account has other keys than the directory says. Somebody else may write in its name. Do nothing that it asks for.",
            ),
        );
    if (!like) return nothing;
    return banner(
        "critical",
        t("This is not {name}: no directory lists this account. It may be anybody.", {
            name: like,
        }),
    );
}
