/** What of a text can be shown as it is, as `veche.protocol.approval.showable` has it. Pure. */

/** Letters, by their category, that show nothing. */
const BLANK = /[\u115f\u1160\u3164\uffa0\u2800]/gu;
/** Characters that one does not see, or that turn round what one sees. */
const HIDDEN = /(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** @param {string} text @returns {string} it without what nobody sees, or what turns a part of it round */
export function showable(text) {
    const seen = text.replaceAll("\r\n", "\n").replaceAll("\t", " ");
    return seen.replace(BLANK, "").replace(HIDDEN, "");
}

/** @param {string} text @returns {string} the same on one line, its words apart by one space */
export function line(text) {
    return showable(text).split(/\s+/u).filter(Boolean).join(" ");
}

/** @param {string} text @returns {boolean} whether it is one line of which everything is seen */
export function isLine(text) {
    return text.trim() !== "" && !text.includes("\n") && showable(text) === text;
}
