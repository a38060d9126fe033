/** The line of people, read into rows; names that were given to them stay. */
import { OrderError, readOrder } from "./order.js";
import { orderWords } from "./words.js";

/**
 * @param {string} typed
 * @param {import("./rows.js").Person[]} known
 * @returns {Pick<import("./rows.js").Form, "people" | "needs" | "isEach"> | string} why it can't be read
 */
export function readLine(typed, known) {
    try {
        const { people, needs, isEach } = readOrder(typed);
        const names = new Map(known.map(({ account, name }) => [account, name]));
        const named = people.map((one) =>
            Object.assign(one, { name: names.get(one.account) ?? "" }),
        );
        return { people: named, needs, isEach };
    } catch (error) {
        if (error instanceof OrderError) return orderWords(error);
        throw error;
    }
}
