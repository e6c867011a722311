/**
 * What the page's address asks for. Pure.
 */

/**
 * @typedef {object} Options
 * @property {'page' | 'embed' | 'kiosk'} mode the whole page; the picture alone, for a frame; the picture alone, for a wall
 * @property {'hls' | 'dash'} player
 */

/**
 * Names and values that are not known are ignored.
 * @param {string} search as `location.search` has it
 * @returns {Options}
 */
export function optionsOf(search) {
  const query = new URLSearchParams(search);
  return {
    mode: query.has('kiosk') ? 'kiosk' : query.has('embed') ? 'embed' : 'page',
    player: query.get('player') === 'dash' ? 'dash' : 'hls',
  };
}
