# Each library as Debian ships it, found once, named once. What each is for: third_party/README.md.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(H2O REQUIRED IMPORTED_TARGET libh2o-evloop>=0.13.5)
pkg_check_modules(CK REQUIRED IMPORTED_TARGET ck>=0.7.1)
pkg_check_modules(YAJL REQUIRED IMPORTED_TARGET yajl>=2.1.0)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq>=15)
pkg_check_modules(SSL REQUIRED IMPORTED_TARGET openssl>=3.0)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash>=0.8.1)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal>=2.30)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib>=1.2)
pkg_check_modules(BROTLI REQUIRED IMPORTED_TARGET libbrotlienc>=1.0.9)
pkg_check_modules(BROTLIDEC REQUIRED IMPORTED_TARGET libbrotlidec>=1.0.9) # unit tests
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka>=1.1.5)
