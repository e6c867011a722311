// Why a player does not go on after a restart: looked up in its requests, its log and its source, one by one, on 2026-11-27.

/** By protocol: what the end of a stream says to every player, so that none asks again. */
const ENDED = {
  HLS: 'EXT-X-ENDLIST: nothing more comes, so the playlist is not loaded again (RFC 8216 §6.3.4)',
  DASH: '`MPD@type` is `static`: nothing more comes, so the manifest is not loaded again (ISO/IEC 23009-1 §5.4)',
};

/** A DASH player that never takes other names than those it began with. */
const KEEPS_NAMES = 'it asks for segments under the names of the manifest that it began with (`SegmentTemplate@media`), and a run has names of its own';
const FFMPEG_HLS = 'its reader tries a playlist that cannot be loaded a few times within 0.1 s, and then ends: it goes on where the program is back by then';
const DASHJS = 'it looks for the Period that it played, which the new manifest does not have, and stands before the first one';

/** After kill -9: by player and protocol, whenever the program comes back, or by how long it was away. */
const KILLED = {
  'FFmpeg, HLS': { always: FFMPEG_HLS },
  'ffplay, HLS': { always: FFMPEG_HLS },
  'mpv, HLS': { always: FFMPEG_HLS },
  'hls.js in Chromium, HLS': { always: 'it tries a playlist that cannot be loaded twice more, and then ends (its `playlistLoadPolicy`): it goes on where the program is back by then' },
  'Shaka Player in Chromium, HLS': { always: 'it asks for ever for the part that the last run had hinted at; parts that it once listed stay in its index' },
  'GStreamer playbin3, HLS': { always: '1.22 puts two playlists together by a segment that is in both, and there is none ("Could not synchronize media playlists"); its seek to live then fails' },
  'VLC, HLS': { always: 'VLC 3 makes a new demuxer at a discontinuity and gives it no init segment ("Failed to create demuxer MP4")' },
  'dash.js in Chromium, DASH': { always: DASHJS },
  'dash.js in Firefox, DASH': { always: DASHJS },
  'Shaka Player in Chromium, DASH': { always: 'it asks for ever for the segment that the last run was writing' },
  'video.js in Chromium, DASH': { always: 'it loads the new run, and then ends with an error of its own ("Cannot read properties of undefined (reading \'duration\')")' },
  'VLC, DASH': { always: `${KEEPS_NAMES}; it ends with the first 404` },
  ...Object.fromEntries(['GStreamer playbin3', 'FFmpeg', 'ffplay', 'mpv', 'Streamlink with mpv'].map((name) => [`${name}, DASH`, { always: KEEPS_NAMES }])),
};

/** Why this player does not go on after this restart, whatever it finds then; empty where it should. */
export function whyStranded({ name, protocol }, { signal, awayMs }) {
  if (name.startsWith('our page')) {
    // It looks for the stream itself.
    return '';
  }
  if (signal === 'SIGTERM') {
    return ENDED[protocol];
  }
  const why = KILLED[`${name}, ${protocol}`];
  return why?.[awayMs] ?? why?.always ?? '';
}
