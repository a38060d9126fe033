/** What is said of the witnesses of a log. */
import { html } from "lit";
import { plural, showDateTime, t } from "../kit/i18n.js";

/** The end of the year 9999: what is beyond it is no moment. */
const LAST_S = 253_402_300_799;

/**
 * @param {{size: number, times_s: Record<string, number>} | undefined} cosigned
 * @returns {import("lit").TemplateResult} who vouches for it, and since when
 */
export function witnessWords(cosigned) {
    const found = Object.entries(cosigned?.times_s ?? {});
    if (!cosigned || !found.length)
        return html`${t("none: only its own signature says that it has one history")}`;
    return html`${found.map(
        ([name, time_s]) =>
            html`<bdi>${name}</bdi>, ${time_s > LAST_S ? "—" : showDateTime(time_s * 1000)}<br />`,
    )}
    ${plural("for the first {count} entry", "for the first {count} entries", cosigned.size)}`;
}
