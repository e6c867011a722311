/**
 * The camera that the page shows: the server writes its name into the page.
 */

export const CAMERA = document.body.dataset.camera ?? 'cam';

/** Whether the server has other cameras, too. */
export const HAS_OTHERS = document.body.dataset.others !== undefined;

/** An address of the API, about this camera. @param {string} path without a query */
export const ofCamera = (path) => `${path}?camera=${CAMERA}`;
