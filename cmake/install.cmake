# Headers, find_package(deeprec) and pkg-config; everything is independent of the architecture, but for the
# library of DEEPREC_BUILD_COMPILED.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/deeprec)
set(independent ARCH_INDEPENDENT)
if(DEEPREC_BUILD_COMPILED)
    set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/deeprec)
    set(independent "")
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/deeprec-config-version.cmake
    COMPATIBILITY SameMinorVersion ${independent})
configure_file(cmake/deeprec.pc.in ${PROJECT_BINARY_DIR}/deeprec.pc @ONLY)

install(TARGETS deeprec EXPORT deeprec-targets FILE_SET HEADERS FILE_SET mpi)
if(DEEPREC_BUILD_COMPILED)
    install(TARGETS deeprec_compiled EXPORT deeprec-targets)
endif()
install(EXPORT deeprec-targets NAMESPACE deeprec:: DESTINATION ${package_dir})
install(FILES cmake/deeprec-config.cmake cmake/deeprec-dependencies.cmake
    ${PROJECT_BINARY_DIR}/deeprec-config-version.cmake DESTINATION ${package_dir})
install(FILES ${PROJECT_BINARY_DIR}/deeprec.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
