// Included by build.rs and detect/haar.rs.
[
    "/usr/share/opencv4/haarcascades",
    "/usr/share/opencv5/haarcascades",
    "/usr/local/share/opencv4/haarcascades",
    "/usr/share/opencv/haarcascades",
    "/opt/homebrew/share/opencv4/haarcascades",
    "/opt/homebrew/opt/opencv/share/opencv4/haarcascades",
]
