/** Somebody who reads a document of three pages on the page of signing. */
import { until } from "./press.js";

/** Brings each page into sight, again while what stands above it still grows. @param {import("playwright-core").Page} page */
export async function read(page) {
    const sheets = page.locator(".sheet-page");
    const count = page.getByText(/of 3 pages were/);
    await sheets.nth(2).waitFor();
    for (const at of [0, 1, 2]) {
        const seen = async () => {
            await sheets.nth(at).evaluate((one) => one.scrollIntoView({ block: "center" }));
            return Number.parseInt(await count.innerText(), 10) > at;
        };
        await until(seen, `page ${at + 1} is seen`);
    }
}
