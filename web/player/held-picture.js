/**
 * The picture that stays while another engine begins: a video that is emptied shows its poster.
 */

/** Of a picture that is shown for a moment. */
const QUALITY = 0.8;

/** Shows what a video shows until it has its next picture. @param {HTMLVideoElement} video */
export function holdPicture(video) {
  if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
    return;
  }
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  video.poster = canvas.toDataURL('image/jpeg', QUALITY);
  video.addEventListener('loadeddata', () => video.removeAttribute('poster'), { once: true });
}
