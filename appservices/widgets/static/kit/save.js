/** Giving a file that is in the page to the person's disk. */

/** Some browsers begin to read the file long after the click, once the person has said where to. */
const READ_MS_MAX = 60_000;

/** @param {Blob} file @param {string} name */
export function save(file, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), READ_MS_MAX);
}
