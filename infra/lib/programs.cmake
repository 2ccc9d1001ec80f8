# For the C programs of infra/*.d, which are projects of their own and built for each run: how the root project compiles,
# and what of app/base they all take.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON) # libh2o's headers need gnu11
set(APP ${CMAKE_CURRENT_LIST_DIR}/../../app)
set(BASE ${APP}/base/error.c ${APP}/base/option.c ${APP}/base/option_file.c ${APP}/base/text.c)

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_compile_options(-O2 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -fno-strict-aliasing)
add_compile_definitions(_GNU_SOURCE)
include_directories(${APP} ${PROJECT_SOURCE_DIR})
