/** The line of people, read into rows; names that were given to them stay. */
import { session } from "../../kit/session.js";
import { t } from "../../kit/i18n.js";
import { OrderError, readOrder } from "./order.js";
import { orderWords } from "./words.js";

/** As in the chat: `ME` in `appservices/signing/sessions/service/naming.py`. */
const ME = new Set(["me", "я", "ich", "мене", "меня"]);
const isMe = (/** @type {string} */ account) => ME.has(account.toLowerCase());

/**
 * @param {string} typed
 * @param {import("./rows.js").Person[]} known
 * @returns {Pick<import("./rows.js").Form, "people" | "needs" | "isEach"> | string} why it can't be read
 */
export function readLine(typed, known) {
    try {
        const { people, needs, isEach } = readOrder(typed);
        const me = session()?.person;
        if (!me && people.some(({ account, of }) => isMe(account) || isMe(of)))
            return t(
                "This page knows who “me” is once you are signed in: sign in, or write your account.",
            );
        const names = new Map(known.map(({ account, name }) => [account, name]));
        const named = people.map((one) => {
            const account = isMe(one.account) ? (me ?? "") : one.account;
            const of = isMe(one.of) ? (me ?? "") : one.of;
            return Object.assign(one, { account, of, name: names.get(account) ?? "" });
        });
        return { people: named, needs, isEach };
    } catch (error) {
        if (error instanceof OrderError) return orderWords(error);
        throw error;
    }
}
