/**
 * Messages in words: a line of the list of chats, what a note says, why something can't be read.
 *
 * @typedef {import("../client/timeline.js").Message} Message
 * @typedef {import("matrix-js-sdk").MatrixEvent} MatrixEvent
 */
import { showMoment, showTime, t } from "../../kit/i18n.js";

const LINE_CHARACTERS_MAX = 160;
/** What `m.room.message` is that asks for a verification. */
export const VERIFICATION = "m.key.verification.request";
const DAY_MS = 86_400_000;

/** @param {number} at_ms */
const startOfDay = (at_ms) => new Date(at_ms).setHours(0, 0, 0, 0);

/** @param {number} at_ms @param {number} now_ms @returns {string} "Today", "Yesterday", "Monday", "24 November" */
export function showDay(at_ms, now_ms) {
    const days = Math.round((startOfDay(now_ms) - startOfDay(at_ms)) / DAY_MS);
    if (days === 0) return t("Today");
    if (days === 1) return t("Yesterday");
    const isThisYear = new Date(at_ms).getFullYear() === new Date(now_ms).getFullYear();
    if (days > 1 && days < 7) return showMoment(at_ms, { weekday: "long" });
    const year = isThisYear ? {} : /** @type {const} */ ({ year: "numeric" });
    return showMoment(at_ms, { day: "numeric", month: "long", ...year });
}

/** @param {number} at_ms @param {number} now_ms @returns {string} the time of today, else the day */
export function showWhen(at_ms, now_ms) {
    if (!at_ms) return "";
    if (startOfDay(at_ms) === startOfDay(now_ms)) return showTime(at_ms);
    if (now_ms - at_ms < 6 * DAY_MS) return showMoment(at_ms, { weekday: "short" });
    return showMoment(at_ms, { day: "numeric", month: "short" });
}

/** Whether two messages are of one day. @param {number} a @param {number} b */
export const isSameDay = (a, b) => startOfDay(a) === startOfDay(b);

/** @param {Record<string, any>} content @returns {string} in one line */
export function lineOf(content) {
    const body = (content.body ?? "").replace(/^(?:>.*\n)+\n/, "");
    switch (content.msgtype) {
        case "m.image":
            return t("Photo");
        case "m.video":
            return t("Video");
        case "m.audio":
            return content["org.matrix.msc3245.voice"] ? t("Voice message") : t("Audio");
        case "m.file":
            return t("File: {name}", { name: content.filename ?? body });
        case VERIFICATION:
            return t("Asks to verify you");
        default:
            return body.slice(0, LINE_CHARACTERS_MAX).replace(/\s+/g, " ");
    }
}

/** @param {MatrixEvent | undefined} event @returns {string} */
export function previewOf(event) {
    if (!event) return "";
    if (event.isRedacted()) return t("This message was removed.");
    if (event.isDecryptionFailure()) return t("You can't read this message here yet.");
    if (event.getType() === "m.room.encrypted") return "…";
    return lineOf(event.getContent());
}

/** What happened to the room. @param {Message} message @returns {string} */
export function noteWords({ event, name }) {
    const content = event.getContent();
    switch (event.getType()) {
        case "m.room.create":
            return t("{name} created this chat.", { name });
        case "m.room.name":
            return t("{name} called this chat “{title}”.", {
                name,
                title: (content.name ?? "").slice(0, LINE_CHARACTERS_MAX),
            });
        case "m.room.avatar":
            return t("{name} changed the picture of this chat.", { name });
        default:
            return memberWords(event, name);
    }
}

/** @param {MatrixEvent} event @param {string} name of who did it */
function memberWords(event, name) {
    const { membership, displayname } = event.getContent();
    const before = event.getPrevContent();
    const subject = event.getStateKey() ?? "";
    const isSelf = subject === event.getSender();
    const other = (displayname || before.displayname || subject).slice(0, LINE_CHARACTERS_MAX);
    if (membership === "invite") return t("{name} invited {other}.", { name, other });
    if (membership === "ban") return t("{name} banned {other}.", { name, other });
    if (membership === "join" && before.membership === "join")
        return t("{old} is now called {other}.", {
            old: (before.displayname || subject).slice(0, LINE_CHARACTERS_MAX),
            other,
        });
    if (membership === "join") return t("{name} joined.", { name: other });
    if (membership === "leave" && isSelf && before.membership === "invite")
        return t("{name} declined the invitation.", { name: other });
    if (membership === "leave" && isSelf) return t("{name} left.", { name: other });
    if (membership === "leave") return t("{name} removed {other}.", { name, other });
    return t("{name} asked to join.", { name: other });
}

/**
 * Why a message can't be read, and what helps.
 * @param {string | null} reason code of the SDK
 * @returns {string}
 */
export function unreadableWords(reason) {
    switch (reason) {
        case "":
        case null:
            return t("Decrypting…");
        case "HISTORICAL_MESSAGE_USER_NOT_JOINED":
        case "HISTORICAL_MESSAGE_NO_KEY_BACKUP":
        case "HISTORICAL_MESSAGE_WORKING_BACKUP":
            return t("This message was sent before you were here. You can't read it.");
        case "HISTORICAL_MESSAGE_BACKUP_UNCONFIGURED":
            return t(
                "This message is older than this device. To read it, enter your recovery key under Me.",
            );
        case "MEGOLM_KEY_WITHHELD":
        case "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE":
            return t(
                "The sender did not share this message with this device. Verify this device under Me, then ask them to send it again.",
            );
        case "SENDER_IDENTITY_PREVIOUSLY_VERIFIED":
        case "UNSIGNED_SENDER_DEVICE":
        case "UNKNOWN_SENDER_DEVICE":
            return t(
                "This message comes from a device that its owner has not confirmed. It is hidden to protect you.",
            );
        default:
            return t(
                "The key for this message has not arrived yet. The message appears as soon as the key comes. If it doesn't, ask the sender to send it again.",
            );
    }
}
