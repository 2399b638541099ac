<?php
// includes/api.php over HTTP, served by PHP itself: a form in, JSON out. A lost answer is a page of HTML with the status 500.

declare(strict_types=1);

require __DIR__ . '/boot.php';

$say = static function (int $status, array $answer): void {
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($answer, JSON_THROW_ON_ERROR);
};

if (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/includes/api.php' || $_SERVER['REQUEST_METHOD'] !== 'POST') {
    http_response_code(404);
    return;
}
if (($_POST['identifier'] ?? '') !== getenv('WHMCS_IDENTIFIER') || ($_POST['secret'] ?? '') !== getenv('WHMCS_SECRET')) {
    $say(403, ['result' => 'error', 'message' => 'Authentication Failed']);
    return;
}
try {
    $say(200, StandIn\Api::call((string) $_POST['action'], array_diff_key($_POST, array_flip(['identifier', 'secret', 'action']))));
} catch (StandIn\AnswerLost) {
    http_response_code(500);
    echo '<!DOCTYPE html><html><title>500 Internal Server Error</title></html>';
}
