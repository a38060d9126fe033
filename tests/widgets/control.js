/** Where the pages of a test are, and who stands behind them. */

/** Where the pages are, http://localhost:PORT: a name, since passkeys refuse addresses. */
export let BASE = "";
/** Where the app is, an origin of its own. */
export let APP = "";
let control = "";

/** Takes both from the environment, before a file is imported. */
export function settle() {
    BASE = process.env.VECHE_PAGES ?? "http://localhost:8090";
    APP = process.env.VECHE_APP ?? "http://localhost:8091";
    control = process.env.VECHE_CONTROL ?? "";
}
settle();

/**
 * Asks the Python side of the test, which has the persons and the services (tests/widgets/stage.py).
 * @param {string} command
 * @param {Record<string, unknown>} [args]
 * @returns {Promise<any>}
 */
export async function ask(command, args = {}) {
    if (!control) throw new Error("this test has no house: write `// stage: house` at the top");
    const response = await fetch(`${control}/${command}`, {
        method: "POST",
        body: JSON.stringify(args),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${command}: ${answer.error}`);
    return answer;
}
