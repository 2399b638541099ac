<?php
// The pages in frames like WHMCS's own, written to be looked at: the customer's, the tab and the page of staff.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';
require dirname(__DIR__) . '/stubs/staff.php';
require dirname(__DIR__) . '/stubs/figures.php';

use WHMCS\Module\Addon\Whmeter\CompanionsTab;
use WHMCS\Module\Addon\Whmeter\FindingsTab;
use WHMCS\Module\Addon\Whmeter\LogTab;
use WHMCS\Module\Addon\Whmeter\MapTab;
use WHMCS\Module\Addon\Whmeter\OverviewTab;
use WHMCS\Module\Addon\Whmeter\Request;
use WHMCS\Module\Server\Whmeter\AdminTab;
use WHMCS\Module\Server\Whmeter\ClientPage;
use WHMCS\Module\Server\Whmeter\Standing;
use WHMCS\Module\Server\Whmeter\Texts;

/** A page of the client area, as Twenty-One lays it out; or dark, as Nexus does. */
function client_frame(string $html, string $language, string $direction, bool $dark): string
{
    $style = $dark ? 'body,.card{background:#1c2128;color:#e6e8ea}.card{border-color:#3a4049}.table,.table td,.table th{color:inherit;border-color:#3a4049}' : '';
    return "<!doctype html><html lang=\"$language\" dir=\"$direction\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        . "<title>Product details</title><link rel=\"stylesheet\" href=\"bootstrap-4.css\"><style>$style</style></head>"
        . "<body><main class=\"container py-3\"><h1 class=\"h3\">S3 Storage 100</h1><h2 class=\"h4\">backup.example.net</h2><div class=\"card\"><div class=\"card-body\">$html</div></div></main></body></html>";
}

/** A page of the admin area, as Blend does. */
function staff_frame(string $title, string $html): string
{
    return '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        . "<title>$title</title><link rel=\"stylesheet\" href=\"bootstrap-3.css\"></head><body><main class=\"container-fluid\"><h1>$title</h1>$html</main></body></html>";
}

$write = static function (string $name, string $page): void {
    $folder = (string) getenv('PAGES');
    if ($folder !== '') {
        file_put_contents("$folder/$name.html", $page);
    }
};

checks([
    'the customer\'s page' => static function () use ($write): void {
        foreach (['english' => 'en', 'german' => 'de', 'arabic' => 'ar'] as $language => $code) {
            $_SESSION['Language'] = $language;
            $texts = Texts::ofClient([]);
            $html = ClientPage::html(Standing::of(usage_with_parts(), history()), $texts, 7731);
            foreach (['' => false, '-dark' => true] as $name => $dark) {
                $write("client-$code$name", client_frame($html, $code, $texts->direction(), $dark));
            }
        }
        unset($_SESSION['Language']);
    },
    'the tab of staff' => static function () use ($write): void {
        $rows = '';
        foreach (AdminTab::fields(Standing::of(usage_with_parts(), history()), Texts::ofAdmin()) as $label => $content) {
            $rows .= "<div class=\"row\" style=\"padding:4px 0\"><div class=\"col-sm-3\"><strong>$label</strong></div><div class=\"col-sm-9\">$content</div></div>";
        }
        $write('tab', staff_frame('Products/Services', '<h2>S3 Storage 100</h2><h3>whmeter</h3>' . $rows));
    },
    'the page of staff' => static function () use ($write): void {
        $request = static fn (string $tab) => new Request('addonmodules.php?module=whmeter', ['module' => 'whmeter', 'tab' => $tab], []);
        server_row(20);
        $full = [
            'overview' => OverviewTab::status($request('overview'), fleet_status()),
            'findings' => FindingsTab::rows($request('findings'), 'unbilled', fleet_findings()),
            'map' => MapTab::rows($request('map'), fleet_map()),
            'companions' => CompanionsTab::rows($request('companions'), fleet_companions(), [17 => 31, 18 => 31], 214),
            'log' => LogTab::rows($request('log'), fleet_log()),
        ];
        foreach ($full as $tab => $html) {
            $frame = page(['tab' => $tab]);
            // The tabs and filters as they are, and figures in place of a whmeter that is away.
            $stands = $tab === 'companions' ? '~<p>By settings.php.*(?=</div>$)~s' : '~<div class="alert alert-warning".*?</div>~s';
            $shown = preg_replace_callback($stands, static fn () => $html, $frame, 1, $count);
            same(1, $count, $tab);
            $write("staff-$tab", staff_frame('whmeter usage metering', $shown));
        }
        $write('staff-away', staff_frame('whmeter usage metering', page(['tab' => 'overview'])));
    },
]);
