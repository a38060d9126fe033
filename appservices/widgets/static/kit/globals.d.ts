/* What the window of a page has besides. */
interface Window {
    /** The bundle of matrix-widget-api, a classic script. */
    mxwidgets: any;
}
