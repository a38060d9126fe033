/** The field for the key of another server, which its logs are judged by. */
import { html } from "lit";
import { field } from "../kit/elements.js";
import { t } from "../kit/i18n.js";

/** @param {{id: string, label: string, error: string, check: () => void}} asked */
export const keyField = ({ id, label, error, check }) =>
    field({
        id,
        label,
        help: t(
            "As that server publishes it: name, plus, number, plus, letters. Keys of its witnesses may follow after a space.",
        ),
        error,
        is_required: false,
        control: ({ id: input, describedby, invalid }) =>
            html`<input
                type="text"
                id=${input}
                autocomplete="off"
                spellcheck="false"
                aria-describedby=${describedby}
                aria-invalid=${invalid}
                @change=${check}
            />`,
    });
