//! Pictures of the sample reports for the README: the page in Chromium, the workbook as `LibreOffice` prints it. Made by hand
//! when the reports change their looks: browsers and fonts differ, so nothing compares them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{root, run};
use crate::tools;

/// The page of the workbook that is shown: the summary with its charts.
const SHEET: &str = "2";

pub(crate) fn make() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let reports = root().join("reports");
    page(&reports, folder.path())?;
    workbook(&reports, folder.path())
}

fn page(reports: &Path, folder: &Path) -> Result<()> {
    let tools = tools::install()?;
    run(Command::new("node")
        .arg(tools.driver.join("drive.mjs"))
        .arg("pictures")
        .args([&reports.join("report.html"), folder])
        .env("CHROMIUM", &tools.chromium))?;
    for (made, kept) in [("first.png", "report.png"), ("panel.png", "report-repository.png")] {
        shrink(&folder.join(made), &reports.join(kept))?;
    }
    Ok(())
}

fn workbook(reports: &Path, folder: &Path) -> Result<()> {
    run(Command::new("soffice")
        .args(["--headless", "--convert-to", "pdf", "--outdir"])
        .arg(folder)
        .arg(reports.join("audit.xlsx")))
    .context("LibreOffice draws the workbook: install libreoffice-calc")?;
    run(Command::new("pdftoppm")
        .args(["-png", "-r", "110", "-f", SHEET, "-l", SHEET, "-singlefile"])
        .arg(folder.join("audit.pdf"))
        .arg(folder.join("audit")))
    .context("pdftoppm is of poppler-utils")?;
    shrink(&folder.join("audit.png"), &reports.join("audit.png"))
}

/// As few bytes as a README needs.
fn shrink(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("convert").arg(from).args(["-strip", "-trim", "-resize", "1280x>", "-colors", "96"]).arg(to))
        .context("convert is of imagemagick")
}
