/** Writes one line of JSON a test, for the collector of pytest (conftest.py). */

/** @param {AsyncIterable<{type: string, data: any}>} source */
export default async function* report(source) {
    for await (const { type, data } of source) {
        if (type !== "test:pass" && type !== "test:fail") continue;
        if (data.nesting > 0) continue;
        const error = data.details?.error;
        const cause = error?.cause ?? error;
        const line = {
            name: data.name,
            passed: type === "test:pass",
            skipped: data.skip !== undefined && data.skip !== false,
            message: error ? String(cause?.stack ?? cause?.message ?? cause) : "",
        };
        yield `${JSON.stringify(line)}\n`;
    }
}
